package traces

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
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/targets/collector"
)

func TestParse(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, tt := range []struct {
		command string
		args    []string
		want    Asked
		wrong   string
	}{
		{"traces", nil, Asked{Query: Query{Limit: 20}}, ""},
		{"traces", []string{"--slow", "--region", "eu", "--min-ms=100", "-json"}, Asked{Query: Query{Slow: true, Region: "eu", MinMS: 100, Limit: 20}, JSON: true}, ""},
		{"traces", []string{"--errors", "--route", "home", "--service", "web", "--limit", "0"}, Asked{Query: Query{Errors: true, Route: "home", Service: "web"}}, ""},
		{"traces", []string{"eu"}, Asked{}, "usage: traces"},
		{"traces", []string{"--limit", "-1"}, Asked{}, "limit is -1; want 0"},
		{"traces", []string{"--min-ms", "-5"}, Asked{}, "min-ms is -5; want 0"},
		{"traces", []string{"--min-ms", "x"}, Asked{}, "invalid value"},
		{"traces", []string{"--nope"}, Asked{}, "usage: traces"},
		{"trace", []string{id, "--json"}, Asked{Trace: id, JSON: true}, ""},
		{"trace", []string{"--json", "4bf9"}, Asked{Trace: "4bf9", JSON: true}, ""},
		{"trace", nil, Asked{}, "usage: trace TRACE_ID"},
		{"trace", []string{"4bf9", "4bfa"}, Asked{}, "usage: trace TRACE_ID"},
		{"trace", []string{"4bf"}, Asked{}, "32 hex digits"},
		{"trace", []string{"../../x"}, Asked{}, "32 hex digits"},
		{"trace", []string{"4bf9", "--slow"}, Asked{}, "usage: trace TRACE_ID"},
		{"sh", nil, Asked{}, "no command"},
	} {
		got, err := Parse(Request{Command: tt.command, Args: tt.args})
		if tt.wrong == "" {
			if err != nil || got != tt.want {
				t.Errorf("%s %q: %+v, %v; want %+v", tt.command, tt.args, got, err, tt.want)
			}
			continue
		}
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tt.wrong) {
			t.Errorf("%s %q: %v; want a usage error with %q", tt.command, tt.args, err, tt.wrong)
		}
	}
	for _, command := range []string{"traces", "trace"} {
		if got, err := Parse(Request{Command: command, Args: []string{"--help"}}); err != nil || !strings.HasPrefix(got.Help, "usage: "+command) {
			t.Errorf("%s --help: %+v, %v", command, got, err)
		}
	}
}

// example is a search that failed because the database was too slow.
func example() collector.Trace {
	at := func(ms int) time.Time {
		return time.Date(2031, 5, 14, 16, 20, 1, 123e6, time.UTC).Add(time.Duration(ms) * time.Millisecond)
	}
	web, catalog := &collector.Process{Service: "web", Zone: "eu-a", Release: "5.8.0"}, &collector.Process{Service: "catalog", Zone: "us-a", Release: "2.13.1"}
	id := func(n byte) collector.SpanID { return collector.SpanID{n} }
	attr := func(kv ...string) (out []collector.Attribute) {
		for i := 0; i < len(kv); i += 2 {
			out = append(out, collector.Attribute{Key: kv[i], Value: kv[i+1]})
		}
		return out
	}
	return collector.Trace{
		Summary: collector.Summary{ID: collector.TraceID{0x4b, 0xf9}, Start: at(0), Millis: 1000, Site: "eu", Route: "search", Status: "504", Tenant: "fjord", Version: "7.1",
			Failed: true, Error: "catalog us-a: search: timeout", Steps: 5},
		Spans: []collector.Span{
			{ID: id(1), Parent: id(9), Process: web, Name: "GET /search", Kind: "server", Start: at(0), Duration: 1000e6, Failed: true, Message: "catalog did not answer", Attributes: attr("error.type", "upstream_timeout")},
			{ID: id(2), Parent: id(1), Process: web, Name: "GET catalog", Kind: "client", Start: at(1), Duration: 998e6, Events: []collector.Event{{At: at(2), Name: "connect to 10.0.0.1:80"}}},
			{ID: id(3), Parent: id(2), Process: catalog, Name: "GET /v1/products", Kind: "server", Start: at(100), Duration: 800e6},
			{ID: id(4), Parent: id(3), Process: catalog, Name: "redis get", Kind: "client", Start: at(101), Duration: 1e6},
			{ID: id(5), Parent: id(3), Process: catalog, Name: "search", Kind: "client", Start: at(500), Duration: 400e6, Failed: true, Message: "timeout", Attributes: attr("db.query.text", "SELECT 1")},
		},
	}
}

func TestWaterfall(t *testing.T) {
	var out bytes.Buffer
	if err := PrintTrace(&out, Term{}, example()); err != nil {
		t.Fatal(err)
	}
	const want = `Trace 4bf90000000000000000000000000000, 16:20:01.123 UTC: search of site eu, tenant fjord, app 7.1; status 504 after 1000.0 ms.

WHO                  STEP                         MS  0                                                 1000.0
web eu-a 5.8.0       ! GET /search            1000.0  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
web eu-a 5.8.0         GET catalog             998.0  =======================================================
catalog us-a 2.13.1      GET /v1/products      800.0       =============================================
catalog us-a 2.13.1        redis get             1.0       =
catalog us-a 2.13.1        ! search            400.0                              xxxxxxxxxxxxxxxxxxxxxx

web eu-a 5.8.0, GET /search: failed (upstream_timeout): catalog did not answer
web eu-a 5.8.0, GET catalog: after 1.0 ms: connect to 10.0.0.1:80
catalog us-a 2.13.1, search: failed (-): timeout
catalog us-a 2.13.1, search: SELECT 1
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// At every width lines fit, and what is shown is plain where it is no terminal.
func TestWaterfallFits(t *testing.T) {
	for width := 20; width <= 300; width++ {
		var out bytes.Buffer
		if err := PrintTrace(&out, Term{Width: width}, example()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\x1b[31m"); got != 2 {
			t.Fatalf("at width %d %d lines are red; want the 2 steps that failed", width, got)
		}
		lines := strings.Split(strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(out.String()), "\n")
		for _, line := range lines[2:] {
			if n := len([]rune(line)); n > width {
				t.Errorf("at width %d a line has %d columns: %q", width, n, line)
			}
		}
		if bars := strings.Contains(out.String(), "━"); bars != (width >= 66) {
			t.Errorf("at width %d there are bars: %v", width, bars)
		}
	}
	for _, term := range []Term{{}, {Width: 90}} {
		hostile := example()
		hostile.Spans[2].Name, hostile.Spans[1].Message, hostile.Spans[1].Failed = "\x1b[2J\u202egone\nnext", "\x07bell\u009b", true
		hostile.Tenant, hostile.Route, hostile.Status = "\x1b]0;title\x07", "a\rb", "\x1b[31m"
		var out bytes.Buffer
		if err := PrintTrace(&out, term, hostile); err != nil {
			t.Fatal(err)
		}
		list := collector.List{Traces: []collector.Summary{hostile.Summary}, Kept: 1, Matched: 1}
		if err := PrintList(&out, term, list); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer("\x1b[31m", "", "\x1b[0m", "").Replace(out.String())
		if term.Width == 0 {
			text = out.String()
		}
		if i := strings.IndexAny(text, "\x1b\x07\r\u202e\u009b"); i >= 0 {
			t.Errorf("width %d: what was sent moves the terminal: %q", term.Width, text[max(0, i-20):])
		}
	}
}

// Spans that are each other's parents, twice there, or far too deep are shown once each.
func TestStrangeTrees(t *testing.T) {
	p := &collector.Process{Service: "x"}
	id := func(n int) collector.SpanID { return collector.SpanID{byte(n), byte(n >> 8), 1} }
	span := func(n, parent int) collector.Span {
		return collector.Span{ID: id(n), Parent: id(parent), Process: p, Name: "s"}
	}
	deep := []collector.Span{}
	for i := range 400 {
		deep = append(deep, span(i, i-1))
	}
	for name, spans := range map[string][]collector.Span{
		"none": nil, "its own parent": {span(1, 1)}, "a ring": {span(1, 3), span(2, 1), span(3, 2)},
		"twice": {span(1, 9), span(1, 9), span(2, 1)}, "no parent there": {span(1, 7), span(2, 8)}, "deep": deep,
	} {
		var out bytes.Buffer
		if err := PrintTrace(&out, Term{Width: 80}, collector.Trace{Spans: spans}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := ordered(collector.Trace{Spans: spans}); len(got) != len(spans) {
			t.Errorf("%s: %d of %d steps are shown", name, len(got), len(spans))
		}
	}
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	if err := PrintList(&out, Term{}, collector.List{}); err != nil || !strings.Contains(out.String(), "No trace is kept yet") {
		t.Errorf("%q, %v", &out, err)
	}
	l := collector.List{Traces: []collector.Summary{example().Summary}, Matched: 7, Kept: 900, Coming: 12, Since: example().Start}
	out.Reset()
	if err := PrintList(&out, Term{}, l); err != nil {
		t.Fatal(err)
	}
	const want = `TIME          TRACE                             SITE  ROUTE   STATUS  MS      STEPS  FAILED
16:20:01.123  4bf90000000000000000000000000000  eu    search  504     1000.0  5      catalog us-a: search: timeout

1 shown of 7 that match; 900 traces are kept, the oldest of 16:20:01, and 12 of them still come in.
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	out.Reset()
	if err := PrintList(&out, Term{Width: 60}, l); err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); len(first) > 60 {
		t.Errorf("%q at width 60", first)
	}
}

func TestFromEnv(t *testing.T) {
	for _, tt := range []struct {
		env   map[string]string
		want  Export
		wrong string
	}{
		{nil, Export{}, ""},
		{map[string]string{envEndpoint: "http://localhost:4318"}, Export{URL: "http://host.docker.internal:4318/v1/traces"}, ""},
		{map[string]string{envEndpoint: "http://127.0.0.1:4318/"}, Export{URL: "http://host.docker.internal:4318/v1/traces"}, ""},
		{map[string]string{envEndpoint: "http://[::1]"}, Export{URL: "http://host.docker.internal/v1/traces"}, ""},
		{map[string]string{envEndpoint: "https://api.example/otlp", envHeaders: "x-key=a%20b, Authorization = Basic c2VjcmV0"}, Export{URL: "https://api.example/otlp/v1/traces", Headers: map[string]string{"x-key": "a b", "Authorization": "Basic c2VjcmV0"}}, ""},
		{map[string]string{envTracesEndpoint: "http://collector:9000/put", envEndpoint: "nonsense"}, Export{URL: "http://collector:9000/put"}, ""},
		{map[string]string{envEndpoint: "http://h:4318", envProtocol: "http/protobuf"}, Export{URL: "http://h:4318/v1/traces"}, ""},
		{map[string]string{envEndpoint: "http://h:4317", envProtocol: "grpc"}, Export{}, envProtocol},
		{map[string]string{envEndpoint: "h:4318"}, Export{}, envEndpoint},
		{map[string]string{envEndpoint: "http://"}, Export{}, envEndpoint},
		{map[string]string{envEndpoint: "http://h", envHeaders: "secret"}, Export{}, envHeaders},
		{map[string]string{envEndpoint: "http://h", envHeaders: "a=%0d%0aX: y"}, Export{}, envHeaders},
	} {
		got, err := FromEnv(func(k string) string { return tt.env[k] })
		if tt.wrong == "" {
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%v: %+v, %v; want %+v", tt.env, got, err, tt.want)
			}
			continue
		}
		var e *ExportError
		if !errors.As(err, &e) || e.Variable != tt.wrong || e.Hint() == "" || strings.Contains(err.Error()+e.Hint(), "secret") {
			t.Errorf("%v: %v; want an error about %s that shows no key", tt.env, err, tt.wrong)
		}
	}
}

// What services send reaches the user's backend as it was sent, with the headers, also
// after the backend was away; where there is none, nothing is asked.
func TestForward(t *testing.T) {
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
	got, refuse := make(chan string, 100), true
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if refuse {
			refuse = false
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got <- r.URL.Path + " " + r.Header.Get("X-Key") + " " + r.Header.Get("Content-Type") + " " + string(b)
	}))
	t.Cleanup(backend.Close)
	var log bytes.Buffer
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	client := collector.NewClient(socket)
	go func() {
		Forward(ctx, client, Export{URL: backend.URL + "/v1/traces", Headers: map[string]string{"X-Key": "k"}}, slog.New(slog.NewJSONHandler(&log, nil)))
		close(ended)
	}()
	const body = "\x0a\x00" // one ResourceSpans, empty
	began := time.Now()
	for len(got) == 0 && time.Since(began) < 10*time.Second {
		r := httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-protobuf")
		kept.Receiver().ServeHTTP(httptest.NewRecorder(), r)
		time.Sleep(10 * time.Millisecond)
	}
	select {
	case x := <-got:
		if x != "/v1/traces k application/x-protobuf "+body {
			t.Errorf("the backend got %q", x)
		}
	default:
		t.Error("nothing reached the backend")
	}
	stop()
	<-ended
	if n := strings.Count(log.String(), "do not reach"); n != 1 || !strings.Contains(log.String(), "reach the user's backend again") {
		t.Errorf("logged: %s", &log)
	}
	Forward(t.Context(), nil, Export{}, nil)
	if b, err := json.Marshal(Export{}); err != nil || string(b) != "{}" {
		t.Errorf("%s, %v", b, err)
	}
}
