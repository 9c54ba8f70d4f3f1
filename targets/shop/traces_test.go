package shop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"faultlab/targets/collector"
	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/payments"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/shop/web"
)

// traced is a shop whose services send spans to a collector, each a server of its own.
type traced struct {
	web, catalog, checkout, payments *httptest.Server
	ends                             []func(context.Context) // send what waits
	collector                        *collector.Client
	receiver                         string // where spans are sent
	logs                             lockedBuffer
	db                               *dbtest.Server
	queue                            *shoptest.Redis
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// serve builds one service and serves it.
func serve[C any](t *testing.T, s *traced, endpoint, name, release string, c C, build func(context.Context, *service.Service, C) (func(), error)) *httptest.Server {
	t.Helper()
	log := service.LogConfig{Level: "info", SampleEvery: 1}
	on := service.New(service.Identity{Service: name, Release: release, Region: "us", Zone: "us-a"}, log, &s.logs)
	end, err := on.Traced(service.TracesConfig{Endpoint: endpoint, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	closing, err := build(t.Context(), on, c)
	if err != nil {
		t.Fatal(err)
	}
	if closing != nil {
		t.Cleanup(closing)
	}
	server := httptest.NewServer(on.Handler())
	t.Cleanup(server.Close)
	s.ends = append(s.ends, end)
	return server
}

func newTraced(t *testing.T, change func(*traced, *checkout.Config)) *traced {
	t.Helper()
	s := &traced{db: dbtest.Start(t), queue: shoptest.StartRedis(t)}
	s.db.Log(t, 0)
	kept := collector.New(4 << 20)
	receiver := httptest.NewServer(kept.Receiver())
	t.Cleanup(receiver.Close)
	s.receiver = receiver.URL
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	answering := httptest.NewUnstartedServer(kept.Answerer())
	answering.Listener = l
	answering.Start()
	t.Cleanup(answering.Close)
	s.collector = collector.NewClient(socket)

	database := service.DefaultDatabase()
	database.Host, database.Port, database.Password = "127.0.0.1", s.db.Port, dbtest.ShopPassword
	database.QueryTimeout = 10 * time.Second
	pc := payments.DefaultConfig()
	s.payments = serve(t, s, "", payments.Name, "2026.2", &pc, payments.Build) // the partner's spans are not ours
	cc := catalog.DefaultConfig()
	cc.Database, cc.Cache.Address, cc.Cache.Timeout = database, s.queue.Address, 5*time.Second
	s.catalog = serve(t, s, receiver.URL, catalog.Name, "2.13.1", &cc, catalog.Build)
	oc := checkout.DefaultConfig()
	oc.Database, oc.Payments.URL, oc.Payments.Timeout = database, s.payments.URL, 10*time.Second
	oc.Queue.Address, oc.Queue.Every, oc.Queue.Timeout = s.queue.Address, 50*time.Millisecond, 5*time.Second
	if change != nil {
		change(s, &oc)
	}
	s.checkout = serve(t, s, receiver.URL, checkout.Name, "3.4.0", &oc, checkout.Build)
	hc := shipping.DefaultConfig()
	hc.Database, hc.Queue.Address, hc.Queue.Timeout = database, s.queue.Address, 5*time.Second
	hc.Database.User, hc.Database.Password = shipping.Name, dbtest.ShippingPassword
	serve(t, s, receiver.URL, shipping.Name, "1.0.0", &hc, shipping.Build)
	s.ends = s.ends[:len(s.ends)-1] // it works on when the request is over
	wc := web.DefaultConfig()
	wc.Catalog.URL, wc.Checkout.URL, wc.Catalog.Timeout, wc.Checkout.Timeout = s.catalog.URL, s.checkout.URL, 10*time.Second, 10*time.Second
	s.web = serve(t, s, receiver.URL, web.Name, "5.8.0", &wc, web.Build)
	return s
}

// ask sends a user's request with a trace id, as the edge makes one.
func (s *traced) ask(t *testing.T, method, path, body, trace string) int {
	t.Helper()
	r, err := http.NewRequest(method, s.web.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "eu.shop.example"
	r.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
	r.Header.Set("X-Tenant", "fjord")
	r.Header.Set("X-App-Version", "7.1")
	r.Header.Set("X-Cohort", "green-button")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// flush ends the sending and gives a trace.
func (s *traced) flush(t *testing.T) {
	t.Helper()
	for _, end := range s.ends {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		end(ctx)
		cancel()
	}
}

// tree draws a trace: each step with its depth.
func tree(t collector.Trace) string {
	var b strings.Builder
	children := map[collector.SpanID][]collector.Span{}
	known := map[collector.SpanID]bool{}
	for _, s := range t.Spans {
		known[s.ID] = true
	}
	for _, s := range t.Spans {
		parent := s.Parent
		if !known[parent] {
			parent = collector.SpanID{}
		}
		children[parent] = append(children[parent], s)
	}
	var draw func(of collector.SpanID, depth int)
	draw = func(of collector.SpanID, depth int) {
		for _, s := range children[of] {
			fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", depth), s.Process.Service, s.Name)
			draw(s.ID, depth+1)
		}
	}
	draw(collector.SpanID{}, 0)
	return b.String()
}

// waits are steps that come and go with the machine's load, and those of connecting.
var waits = regexp.MustCompile(`(?m)^ *\w+: (wait for .*|connect to redis|redis hello|redis pipeline)\n`)

// One request is one trace, with a step for everything that was done for it, and is found
// by its id in every log.
func TestOneRequestIsOneTrace(t *testing.T) {
	s := newTraced(t, nil)
	const search, product, again, order, missing, failing = "a0000000000000000000000000000001", "a0000000000000000000000000000002",
		"a0000000000000000000000000000003", "a0000000000000000000000000000004", "a0000000000000000000000000000005", "a0000000000000000000000000000006"
	for _, x := range []struct {
		method, path, body, trace string
		want                      int
	}{
		{"GET", "/search?q=lamp", "", search, 200},
		{"GET", "/product/7", "", product, 200},
		{"GET", "/product/7", "", again, 200},
		{"POST", "/checkout", `{"key":"order-000001","lines":[{"product_id":7,"quantity":2}]}`, order, 200},
		{"GET", "/product/99999999", "", missing, 404},
	} {
		if got := s.ask(t, x.method, x.path, x.body, x.trace); got != x.want {
			t.Fatalf("%s %s: %d; want %d\n%s", x.method, x.path, got, x.want, s.logs.String())
		}
	}
	s.payments.Close() // the partner is away
	if got := s.ask(t, "POST", "/checkout", `{"key":"order-000002","lines":[{"product_id":7,"quantity":2}]}`, failing); got != 502 {
		t.Fatalf("an order without the partner: %d; want 502", got)
	}
	s.get(t, order, true)
	s.flush(t)
	const dbOfOrder = "      checkout: begin\n      checkout: take order\n      checkout: lines\n      checkout: total\n      checkout: commit\n      checkout: find order\n      checkout: charge\n        checkout: POST payments\n"
	const handled = "      checkout: send orders\n        shipping: ship order\n          shipping: begin\n          shipping: order\n          shipping: ship\n          shipping: handled\n          shipping: commit\n"
	for _, x := range []struct{ trace, want, status, failed string }{
		{search, "web: GET /search\n  web: GET catalog\n    catalog: GET /v1/products\n      catalog: search\n", "200", ""},
		{product, "web: GET /product/{id}\n  web: GET catalog\n    catalog: GET /v1/products/{id}\n      catalog: redis get\n      catalog: product\n      catalog: related\n      catalog: redis set\n", "200", ""},
		{again, "web: GET /product/{id}\n  web: GET catalog\n    catalog: GET /v1/products/{id}\n      catalog: redis get\n", "200", ""},
		{order, "web: POST /checkout\n  web: POST checkout\n    checkout: POST /v1/orders\n" + dbOfOrder + "      checkout: settle order\n" + handled, "200", ""},
		{missing, "web: GET /product/{id}\n  web: GET catalog\n    catalog: GET /v1/products/{id}\n      catalog: redis get\n      catalog: product\n", "404", ""},
		{failing, "web: POST /checkout\n  web: POST checkout\n    checkout: POST /v1/orders\n" + dbOfOrder, "502", "checkout us-a: POST payments: "},
	} {
		got := s.get(t, x.trace, false)
		if drawn := waits.ReplaceAllString(tree(got), ""); drawn != x.want {
			t.Errorf("trace %s:\n%s\nwant\n%s", x.trace, drawn, x.want)
		}
		if got.Status != x.status || got.Failed != (x.failed != "") || !strings.HasPrefix(got.Error, x.failed) {
			t.Errorf("trace %s: status %s, failed %v, %q; want %s, %q", x.trace, got.Status, got.Failed, got.Error, x.status, x.failed)
		}
		root := got.Spans[0]
		if got.Site != "eu" || got.Tenant != "fjord" || got.Version != "7.1" || got.Cohort != "green-button" || root.Process.Release != "5.8.0" || root.Process.Region != "us" {
			t.Errorf("trace %s: %+v of %+v", x.trace, got.Summary, root.Process)
		}
		if root.Parent.String() != "00f067aa0ba902b7" {
			t.Errorf("trace %s begins under %s; want the id that came with the request", x.trace, root.Parent)
		}
	}
	s.inLogs(t, search, []string{"web", "catalog"}, "catalog", "FROM hits")
	s.inLogs(t, order, []string{"web", "checkout", "payments"}, "checkout", "INSERT INTO orders")
	s.inLogs(t, order, nil, "checkout", "UPDATE orders SET state")
	s.inLogs(t, order, nil, "shipping", "INSERT INTO shipments")
}

// get gives a trace; with shipped it waits until it has what shipping did, after the answer.
func (s *traced) get(t *testing.T, id string, shipped bool) collector.Trace {
	t.Helper()
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		got, err := s.collector.Get(t.Context(), id)
		if err != nil && !shipped {
			t.Fatalf("%s: %v", id, err)
		}
		if !shipped || strings.Contains(tree(got), "shipping: ship order") {
			return got
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("nothing is shipped:\n%s", tree(got))
		}
	}
}

// inLogs looks for a trace in the services' logs and in the database's.
func (s *traced) inLogs(t *testing.T, trace string, services []string, application, statement string) {
	t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(s.logs.String()) {
		var l struct {
			Service string
			TraceID string `json:"trace_id"`
			SpanID  string `json:"span_id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if l.TraceID == trace && len(l.SpanID) == 16 {
			seen[l.Service] = true
		}
	}
	for _, name := range services {
		if !seen[name] {
			t.Errorf("the log of %s lacks trace %s", name, trace)
		}
	}
	log, err := os.ReadFile(s.db.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(regexp.QuoteMeta(application+" "+trace) + `\W[^\0]*?` + regexp.QuoteMeta(statement)).Match(log) {
		t.Errorf("the database's log lacks %s of trace %s", statement, trace)
	}
}
