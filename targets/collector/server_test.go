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
	"runtime"
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

// Whatever is sent, the answer is an HTTP status, and nothing of it is kept.
func TestHostileBodies(t *testing.T) {
	whole := encoded(t, request(span(1)))
	empty := &tracepb.Span{}
	deep := &commonpb.AnyValue{}
	for range 3000 {
		deep = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{deep}}}}
	}
	nested := span(1)
	nested.TraceId = nil
	nested.Attributes = []*commonpb.KeyValue{{Key: "deep", Value: deep}}
	short := span(1)
	short.SpanId = []byte{1}
	tests := []struct {
		name   string
		body   []byte
		header []string
		want   int
	}{
		{"nothing but spans without ids", encoded(t, request(empty, empty)), nil, 400},
		{"an id that is too short", encoded(t, request(short)), nil, 400},
		{"nested without end", encoded(t, request(nested)), nil, 400},
		{"text", []byte("GET / HTTP/1.1"), nil, 400},
		{"a length beyond the end", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, nil, 400},
		{"a negative length", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, nil, 400},
		{"too long", make([]byte, maxBody+1), nil, 413},
		{"JSON", []byte("{}"), []string{"Content-Type", "application/json"}, 415},
		{"packed", whole, []string{"Content-Encoding", "gzip"}, 415},
		{"no type", whole, []string{"Content-Type", ""}, 415},
		{"an empty body", nil, nil, 200},
		{"whole", whole, []string{"Content-Type", "application/x-protobuf; charset=binary"}, 200},
	}
	for n := range whole {
		if n == 0 {
			continue
		}
		tests = append(tests, struct {
			name   string
			body   []byte
			header []string
			want   int
		}{"cut off", whole[:n], nil, 400})
	}
	for _, tt := range tests {
		s := New(1 << 20)
		w := post(s.Receiver(), bytes.NewReader(tt.body), tt.header...)
		// Cut between two fields, what is left is a request too.
		if w.Code != tt.want && !(tt.name == "cut off" && w.Code == 200) {
			t.Errorf("%s (%d bytes): %d %s; want %d", tt.name, len(tt.body), w.Code, w.Body, tt.want)
		}
		if l := s.ring.List(Query{Fresh: true}); w.Code != 200 && l.Kept != 0 {
			t.Errorf("%s: %d traces are kept of a request that was refused", tt.name, l.Kept)
		}
	}
	if w := post(New(1<<20).Receiver(), io.MultiReader(bytes.NewReader(whole[:10]), brokenReader{})); w.Code != 400 {
		t.Errorf("a body that breaks off: %d", w.Code)
	}
	for _, path := range []string{"/traces", "/follow", "/", "/v1/metrics", "/debug/pprof/"} {
		w := httptest.NewRecorder()
		New(1<<20).Receiver().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("the shop's network reaches %s: %d", path, w.Code)
		}
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// The largest body takes a bounded memory, whatever is in it.
func TestWhatABodyTakes(t *testing.T) {
	empty := bytes.Repeat([]byte{0x12, 0x00}, maxBody/2-8) // ScopeSpans.spans, empty
	inner := append([]byte{0x12}, varint(len(empty))...)
	inner = append(inner, empty...)
	body := append([]byte{0x0a}, varint(len(inner))...)
	body = append(body, inner...)
	if len(body) > maxBody {
		t.Fatal(len(body))
	}
	attribute := bytes.Repeat([]byte{0x4a, 0x00}, maxBody/2-200) // Span.attributes, empty
	full := span(1)
	full.Attributes = nil
	long := encoded(t, full)
	long = append(long, attribute...)
	var before, after runtime.MemStats
	for name, b := range map[string][]byte{"empty spans": body, "empty attributes": wrapped(long)} {
		texts := newTexts()
		runtime.ReadMemStats(&before)
		spans, err := texts.decode(b)
		runtime.ReadMemStats(&after)
		took := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d KiB become %d KiB (%v)", name, len(b)>>10, took>>10, err)
		if took > 48<<20 {
			t.Errorf("%s: a body of %d KiB takes %d KiB; want at most 48 MiB", name, len(b)>>10, took>>10)
		}
		for _, list := range spans {
			for i := range list {
				if len(list[i].Attributes) > maxAttributes {
					t.Errorf("%s: %d attributes are kept; want at most %d", name, len(list[i].Attributes), maxAttributes)
				}
			}
		}
	}
}

func varint(n int) []byte {
	var b []byte
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// wrapped makes a request of an encoded span.
func wrapped(span []byte) []byte {
	scope := append(append([]byte{0x12}, varint(len(span))...), span...)
	resource := append(append([]byte{0x12}, varint(len(scope))...), scope...)
	return append(append([]byte{0x0a}, varint(len(resource))...), resource...)
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, request(span(1), span(2))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > maxBody {
			return
		}
		r := NewRing(1 << 20)
		spans, err := newTexts().decode(body)
		if err != nil {
			return
		}
		r.Add(spans)
		held(t, r)
		for _, s := range r.List(Query{Slow: true, Fresh: true}).Traces {
			if got, ok := r.Get(s.ID); !ok || got.Steps != len(got.Spans) {
				t.Errorf("%+v", got)
			}
			if _, err := json.Marshal(s); err != nil {
				t.Error(err)
			}
		}
	})
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
