package collector

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

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
