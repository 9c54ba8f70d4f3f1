package service

import (
	"encoding/json"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"faultlab/targets/shop/api"
)

// Reply sends v as JSON.
func Reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only the shop's own types come here, and all of them can be encoded
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	ReplyBody(w, status, body)
}

// ReplyBody sends a finished JSON body. A caller who is gone is not an error
// of ours, so what Write says is left aside.
func ReplyBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// Fail sends an [api.Problem]; the trace has its word and, of our failures, the detail.
func Fail(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	if span := trace.SpanFromContext(r.Context()); span.IsRecording() {
		span.SetAttributes(attribute.String("error.type", code))
		if status >= 500 {
			span.SetStatus(codes.Error, detail)
		}
	}
	Reply(w, status, api.Problem{Error: code, Detail: detail, RequestID: RequestID(r)})
}

// RequestID is the id by which a request is found in all logs.
func RequestID(r *http.Request) string { return r.Header.Get("X-Request-Id") }
