package service

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// traced gives a service with a route, and what ends its sending.
func traced(t *testing.T, endpoint string, share float64, out io.Writer, h http.HandlerFunc) (*Service, func(context.Context)) {
	t.Helper()
	s := New(Identity{Service: "web", Release: "5.8.0", Region: "eu", Zone: "eu-a"}, LogConfig{Level: "info", SampleEvery: 1}, out)
	end, err := s.Traced(TracesConfig{Endpoint: endpoint, Share: share})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("GET /x/{id}", "x", h)
	return s, end
}

func ask(s *Service, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/x/7?a=b", nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// dropped reads how many spans are counted as dropped for a reason.
func dropped(t *testing.T, s *Service, reason string) float64 {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, `traces_spans_dropped_total{reason="`+reason+`"`) {
			n, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' '):]), 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no counter of dropped spans for %s", reason)
	return 0
}

// The ids that come with a request are in the log, whether or not spans are sent.
func TestTraceIsInTheLog(t *testing.T) {
	for name, endpoint := range map[string]string{"sent nowhere": "", "sent": "http://127.0.0.1:1"} {
		var out bytes.Buffer
		s, end := traced(t, endpoint, 1, &out, func(w http.ResponseWriter, r *http.Request) {})
		ask(s, "Traceparent", parent)
		var line map[string]any
		first, _, _ := bytes.Cut(out.Bytes(), []byte("\n"))
		if err := json.Unmarshal(first, &line); err != nil {
			t.Fatal(err)
		}
		span, _ := line["span_id"].(string)
		if line["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" || len(span) != 16 || (span == "00f067aa0ba902b7") != (endpoint == "") {
			t.Errorf("%s: %v", name, line)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		end(ctx)
		cancel()
	}
}

// What is sent has the request's facts, and is of the share that was asked for.
func TestSpansAreSent(t *testing.T) {
	bodies := make(chan []byte, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		bodies <- b
	}))
	defer receiver.Close()
	s, end := traced(t, receiver.URL, 1, io.Discard, func(w http.ResponseWriter, r *http.Request) {
		Fail(w, r, http.StatusBadGateway, "upstream_failed", "catalog could not be used")
	})
	ask(s, "Traceparent", parent, "X-Tenant", "fjord", "X-Device", "ios-17", "X-Request-Id", "r-1")
	ask(s, "Traceparent", strings.TrimSuffix(parent, "01")+"00") // whoever began it does not want it
	ask(s, "Traceparent", "nonsense")
	end(t.Context())
	var data tracepb.TracesData
	if err := proto.Unmarshal(<-bodies, &data); err != nil || len(data.ResourceSpans) != 1 {
		t.Fatalf("%v, %v", &data, err)
	}
	spans := data.ResourceSpans[0].ScopeSpans[0].Spans
	if len(spans) != 2 || len(bodies) != 0 {
		t.Fatalf("%d spans are sent and %d more requests made; want 2, 0", len(spans), len(bodies))
	}
	text := data.ResourceSpans[0].Resource.String() + spans[0].String()
	for _, want := range []string{"service.version", "5.8.0", "eu-a", "tenant", "fjord", "device", "ios-17", "request_id", "r-1", "upstream_failed", "catalog could not be used", "STATUS_CODE_ERROR", "GET /x/{id}", "a=b", "SPAN_KIND_SERVER"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
	if spans[0].TraceId[0] != 0x4b || spans[0].ParentSpanId[1] != 0xf0 || len(spans[1].ParentSpanId) != 0 {
		t.Errorf("%v", spans)
	}

	none, end := traced(t, receiver.URL, 0, io.Discard, func(w http.ResponseWriter, r *http.Request) {})
	ask(none, "Traceparent", parent)
	end(t.Context())
	if len(bodies) != 0 {
		t.Error("a share of none is sent")
	}
}

// A receiver that is away, refuses or hangs costs spans, which are counted, and no
// request a moment.
func TestReceiverIsAway(t *testing.T) {
	hang := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer hanging.Close()
	defer close(hang)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) }))
	defer refusing.Close()
	for name, endpoint := range map[string]string{"away": "http://127.0.0.1:1", "hanging": hanging.URL, "refusing": refusing.URL} {
		var out bytes.Buffer
		s, end := traced(t, endpoint, 1, &out, func(w http.ResponseWriter, r *http.Request) {})
		s.config.SampleEvery = 0
		const requests = 4 * spanQueue
		began := time.Now()
		for range requests {
			if w := ask(s); w.Code != http.StatusOK {
				t.Fatalf("%s: %d", name, w.Code)
			}
		}
		took := time.Since(began)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		end(ctx)
		cancel()
		full, not, stop := dropped(t, s, queueFull), dropped(t, s, notTaken), dropped(t, s, stopping)
		t.Logf("%s: %d requests in %v; %v dropped because the queue was full, %v not taken, %v in the stop", name, requests, took, full, not, stop)
		if full+not+stop != requests || full == 0 || not == 0 {
			t.Errorf("%s: %v+%v+%v spans are counted as dropped; want %d, of each of the first two some", name, full, not, stop, requests)
		}
		if took > sendTimeout {
			t.Errorf("%s: %d requests took %v", name, requests, took)
		}
		if n := strings.Count(out.String(), "cannot be sent"); n > 1 {
			t.Errorf("%s: that is logged %d times; want once", name, n)
		}
	}
}

func TestStatementNames(t *testing.T) {
	for sql, want := range map[string]summary{
		"-- name: take order\nINSERT INTO orders\n  (key) VALUES ($1)": {"take order", "INSERT INTO orders (key) VALUES ($1)"},
		"COMMIT": {"commit", "COMMIT"},
		"":       {"", ""},
		beginMarked + "web 4bf92f3577b34da6a3ce929d0e0e4736', true)": {"begin", "begin"},
	} {
		if got := summaryOf(sql); got != want {
			t.Errorf("%q: %+v; want %+v", sql, got, want)
		}
	}
	if s := summaryOf("SELECT '" + strings.Repeat("ä", 500) + "'"); len(s.text) > longestText+3 || strings.ContainsRune(s.text, '\uFFFD') {
		t.Errorf("%d bytes of a long statement", len(s.text))
	}
}

func TestTracesConfig(t *testing.T) {
	for _, tt := range []struct {
		c  TracesConfig
		ok bool
	}{
		{DefaultTraces(), true}, {TracesConfig{Endpoint: "http://h:4318", Share: .1}, true}, {TracesConfig{}, true},
		{TracesConfig{Endpoint: "h:4318", Share: 1}, false}, {TracesConfig{Share: 1.1}, false}, {TracesConfig{Share: -1}, false},
	} {
		if err := tt.c.Validate(); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.c, err)
		}
	}
}
