package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

func text16(n byte) []byte { return append([]byte{n}, make([]byte, 15)...) }

func value(key, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func request(spans ...*tracepb.Span) *tracepb.TracesData {
	return &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
			value("service.name", "web"), value("service.version", "5.8.0"), value("cloud.region", "eu"), value("cloud.availability_zone", "eu-a"), value("service.instance.id", "4f3a"),
		}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}},
	}}}
}

func span(trace byte) *tracepb.Span {
	return &tracepb.Span{
		TraceId: text16(trace), SpanId: []byte{1, 0, 0, 0, 0, 0, 0, trace}, ParentSpanId: []byte{9, 9, 9, 9, 9, 9, 9, 9},
		Name: "GET /search", Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1e18, EndTimeUnixNano: 1e18 + 12e6,
		Attributes: []*commonpb.KeyValue{
			value("site", "eu"), value("route", "search"),
			{Key: "http.response.status_code", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: 504}}},
			{Key: "found", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: false}}},
			{Key: "share", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: .5}}},
			{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{}}}},
			{Key: "nothing"},
		},
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "too late"},
		Events: []*tracepb.Span_Event{{TimeUnixNano: 1e18 + 1e6, Name: "exception", Attributes: []*commonpb.KeyValue{value("exception.message", "timeout")}}},
	}
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func post(h http.Handler, body io.Reader, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/traces", body)
	r.Header.Set("Content-Type", "application/x-protobuf")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// What is sent is what can be asked for, as JSON too.
func TestWhatIsSentIsKept(t *testing.T) {
	s := New(1 << 20)
	if w := post(s.Receiver(), bytes.NewReader(encoded(t, request(span(1), span(2))))); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	got, ok := s.ring.Get(TraceID{1})
	if !ok || len(got.Spans) != 1 {
		t.Fatalf("%+v", got)
	}
	j, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"trace_id":"01000000000000000000000000000000"`, `"site":"eu"`, `"route":"search"`, `"status":"504"`, `"ms":12`, `"services":["web eu-a"]`,
		`"error":"web eu-a: GET /search: too late"`, `"id":"0100000000000001"`, `"parent":"0909090909090909"`, `"duration_ns":12000000`,
		`"service":"web","release":"5.8.0","region":"eu","zone":"eu-a","instance":"4f3a"`, `{"key":"found","value":"false"}`, `{"key":"share","value":"0.5"}`,
		`{"key":"list","value":"(more than one value)"}`, `{"key":"nothing","value":""}`, `"name":"exception","attributes":[{"key":"exception.message","value":"timeout"}]`,
	} {
		if !strings.Contains(string(j), want) {
			t.Errorf("no %s in\n%s", want, j)
		}
	}
	var back Trace
	if err := json.Unmarshal(j, &back); err != nil || back.ID != got.ID || back.Spans[0].Parent != got.Spans[0].Parent || !back.Spans[0].Start.Equal(got.Spans[0].Start) {
		t.Errorf("read back: %+v, %v", back, err)
	}
}

// Texts that are not the same do not fill the memory of those that are.
func TestSharedTexts(t *testing.T) {
	x := newTexts()
	for i := range 3 * maxTexts {
		x.shared(strings.Repeat("x", 10) + string(rune(i)))
		x.shared("tenant")
	}
	if len(x.known) > maxTexts {
		t.Errorf("%d texts are known; want at most %d", len(x.known), maxTexts)
	}
	if got := x.shared(strings.Repeat("ä", maxText)); len(got) > maxText || !strings.HasPrefix(got, "ää") || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("%d bytes are kept of a long text", len(got))
	}
}

// A whole collector: spans come in by TCP, questions are answered on the socket, and who
// follows gets each request as it came.
func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	c := Config{Listen: address, Socket: filepath.Join(t.TempDir(), "s"), Bytes: 1 << 20}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, c, slog.New(slog.DiscardHandler)) }()
	client := NewClient(c.Socket)
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, err := client.List(ctx, Query{}); err == nil {
			break
		} else if time.Since(began) > 5*time.Second {
			t.Fatal(err)
		}
	}
	got := make(chan []byte, 8)
	followed := make(chan error, 1)
	go func() { followed <- client.Follow(ctx, func(b []byte) { got <- b }) }()
	body := encoded(t, request(span(7)))
	for len(got) == 0 { // until the follower is there
		resp, err := http.Post("http://"+address+"/v1/traces", "application/x-protobuf", bytes.NewReader(body))
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v, %v", resp, err)
		}
		resp.Body.Close()
		time.Sleep(10 * time.Millisecond)
	}
	if b := <-got; !bytes.Equal(b, body) {
		t.Errorf("the follower got %d bytes; want the %d that were sent", len(b), len(body))
	}
	if list, err := client.List(ctx, Query{Errors: true, Fresh: true}); err != nil || list.Kept != 1 || list.Traces[0].ID != (TraceID{7}) {
		t.Errorf("%+v, %v", list, err)
	}
	if one, err := client.Get(ctx, "0700"); err != nil || one.Spans[0].Process.Zone != "eu-a" {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := client.Get(ctx, "abcd"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an id that is not there: %v", err)
	}
	resp, err := http.Post("http://"+address+"/v1/traces", "application/x-protobuf", bytes.NewReader(encoded(t, request(&tracepb.Span{TraceId: append([]byte{7}, text16(1)[:15]...), SpanId: text16(1)[:8]}))))
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	if _, err := client.Get(ctx, "07"); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("an id of two: %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := <-followed; err == nil {
		t.Error("following does not end with the collector")
	}
	if _, err := client.List(t.Context(), Query{}); err == nil {
		t.Error("an answer from a collector that has ended")
	}
}
