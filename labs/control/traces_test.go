package control

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"faultlab/targets/collector"
)

// The desk and the API show the same traces, and asking for them is a look.
func TestTracesAtTheDesk(t *testing.T) {
	c := running(t, "2b-packet-loss", "us-b")
	kept := collector.New(1 << 20)
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	answering := httptest.NewUnstartedServer(kept.Answerer())
	answering.Listener = l
	answering.Start()
	t.Cleanup(answering.Close)
	c.traces = collector.NewClient(socket)
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{{
		TraceId: []byte("0123456789abcdef"), SpanId: []byte("01234567"), Name: "GET /search", Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 1e18, EndTimeUnixNano: 1e18 + 5e6,
	}}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/x-protobuf")
	kept.Receiver().ServeHTTP(httptest.NewRecorder(), r)
	const id = "30313233343536373839616263646566"
	for name, x := range map[string]struct {
		h      http.Handler
		header []string
	}{"API": {c.handler(t.Context()), []string{"Authorization", bearer}}, "desk": {c.desk(), nil}} {
		for _, tt := range []struct {
			method, path, body string
			code               int
			want               string
		}{
			{"POST", "/v1/traces", `{"fresh":true}`, 200, id},
			{"POST", "/v1/traces", `{"fresh":true,"min_ms":6}`, 200, `"traces":[]`},
			{"POST", "/v1/traces", `{"limit":-1}`, 422, "limit is -1"},
			{"POST", "/v1/traces", `{"lab":"x"}`, 400, "unknown field"},
			{"GET", "/v1/traces/3031", "", 200, `"name":"GET /search"`},
			{"GET", "/v1/traces/ffff", "", 404, "no trace that is kept"},
			{"GET", "/v1/traces/%2e%2e%2ffollow", "", 422, "32 hex digits"},
			{"POST", "/v1/show", `{"command":"trace","args":["3031"],"width":0}`, 200, `GET /search        5.0  ====`},
			{"POST", "/v1/show", `{"command":"trace","args":["3031","--json"],"width":100}`, 200, `\"trace_id\": \"` + id},
			{"POST", "/v1/show", `{"command":"traces","args":[],"width":0}`, 200, "1 of them still come in"},
			{"POST", "/v1/show", `{"command":"traces","args":["--help"],"width":0}`, 200, "usage: traces"},
			{"POST", "/v1/show", `{"command":"traces","args":["--nope"],"width":0}`, 422, "usage: traces"},
			{"POST", "/v1/show", `{"command":"rm","args":[],"width":0}`, 422, "no command"},
			{"POST", "/v1/show", `{"command":"trace","args":["eeee"],"width":-5}`, 404, "hint"},
		} {
			if code, got := api(c, x.h, tt.method, tt.path, tt.body, x.header...); code != tt.code || !strings.Contains(got, tt.want) {
				t.Errorf("%s %s %s %s: %d %s; want %d with %s", name, tt.method, tt.path, tt.body, code, got, tt.code, tt.want)
			}
		}
	}
	looks, _ := json.Marshal(c.line.list(false))
	if c.keep.get().FirstLook.IsZero() || !strings.Contains(string(looks), "looked at traces") || !strings.Contains(string(looks), "looked at trace 3031") {
		t.Errorf("no look is on record: %s", looks)
	}
	answering.Close()
	if code, got := api(c, c.desk(), "POST", "/v1/traces", "{}"); code != 502 || !strings.Contains(got, "try again") || strings.Contains(got, socket) {
		t.Errorf("with the collector away: %d %s", code, got)
	}
	if code, got := api(c, c.handler(t.Context()), "POST", "/v1/traces", "{}"); code != 401 {
		t.Errorf("without the token: %d %s", code, got)
	}
}

// The user's keys for a backend are in no container's settings.
func TestExportIsNoSetting(t *testing.T) {
	var c Config
	env, err := c.Env()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(env[envConfig], "export") || strings.Contains(env[envConfig], "headers") {
		t.Errorf("%s", env[envConfig])
	}
}
