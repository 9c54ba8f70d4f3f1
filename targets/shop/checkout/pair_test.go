package checkout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/payments"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
)

// provider is a real payment provider at an address of its own, which can be closed,
// and whose charges can be held up on their way there.
type provider struct {
	partner
	address string
	server  *httptest.Server

	mu   sync.Mutex
	gate chan struct{}  // charges wait for it to be closed, then they are made; nil: they do not wait
	late sync.WaitGroup // those charges
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	pay := shoptest.Service(payments.Name, "2026.2")
	pc := payments.DefaultConfig()
	if _, err := payments.Build(context.Background(), pay, &pc); err != nil {
		t.Fatal(err)
	}
	p := &provider{partner: partner{real: pay.Handler()}, address: "127.0.0.1:0"}
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.server.Close() })
	return p
}

// open has it accept connections, after a close at the same address.
func (p *provider) open() error {
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		return err
	}
	p.address = l.Addr().String()
	p.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: p}}
	p.server.Start()
	return nil
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	gate := p.enter(r)
	if gate == nil {
		p.partner.ServeHTTP(w, r)
		return
	}
	p.calls.Add(1)
	defer p.late.Done()
	body, _ := io.ReadAll(r.Body)
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	select {
	case <-gate:
		p.real.ServeHTTP(w, again)
	case <-r.Context().Done(): // nobody waits for the answer, and the charge comes all the same
		p.late.Go(func() {
			<-gate
			p.real.ServeHTTP(httptest.NewRecorder(), again)
		})
	}
}

// enter gives what a call has to wait for, and counts it among those that wait.
func (p *provider) enter(r *http.Request) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gate == nil || r.URL.Path != "/v1/charges" {
		return nil
	}
	p.late.Add(1)
	return p.gate
}

// hold keeps charges on their way; what it gives lets them go, and waits for them.
func (p *provider) hold() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gate := make(chan struct{})
	p.gate = gate
	return func() {
		p.mu.Lock()
		p.gate = nil
		p.mu.Unlock()
		close(gate)
		p.late.Wait()
	}
}

// charge gives the state of a charge; empty: there is none.
func (p *provider) charge(key string) api.ChargeState {
	w := httptest.NewRecorder()
	p.real.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v1/charges/"+key, nil))
	var c api.Charge
	_ = json.Unmarshal(w.Body.Bytes(), &c)
	return c.State
}

type pair struct {
	bench
	primary, backup *provider
	log             *lockedBuffer
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func startPair(t *testing.T, server *dbtest.Server, change func(*checkout.Config)) *pair {
	t.Helper()
	return startOn(t, server, newProvider(t), newProvider(t), change)
}

// startOn starts a checkout that has the two providers.
func startOn(t *testing.T, server *dbtest.Server, primary, backup *provider, change func(*checkout.Config)) *pair {
	t.Helper()
	ctx := context.Background()
	b := &pair{primary: primary, backup: backup, log: &lockedBuffer{}}
	c := checkout.DefaultConfig()
	c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", server.Port, dbtest.ShopPassword
	c.Settle.Every, c.Settle.After = 100*time.Millisecond, time.Hour
	c.Payments.Providers = []checkout.ProviderConfig{
		checkout.DefaultProvider("primary", "http://"+primary.address),
		checkout.DefaultProvider("backup", "http://"+backup.address),
	}
	for i := range c.Payments.Providers {
		p := &c.Payments.Providers[i]
		p.Timeout, p.Breaker.OpenFor = 250*time.Millisecond, 300*time.Millisecond
	}
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	on := service.New(service.Identity{Service: checkout.Name, Release: "3.4.0"}, c.Log, b.log)
	closing, err := checkout.Build(ctx, on, &c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing)
	if b.conn, err = pgx.Connect(ctx, server.URL("shop", dbtest.ShopPassword)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.conn.Close(ctx) })
	b.handler = on.Handler()
	return b
}

// send orders something and gives the status.
func (b *pair) send(key string) int {
	status, _ := b.order(`{"key":"` + key + `","lines":[{"product_id":7,"quantity":1}]}`)
	return status
}

// want checks where an order stands and what both providers say of it.
func (b *pair) want(t *testing.T, key, state, holder string, primary, backup api.ChargeState) {
	t.Helper()
	var gotState, gotHolder string
	if err := b.conn.QueryRow(context.Background(), "SELECT state, provider FROM orders WHERE key = $1", key).Scan(&gotState, &gotHolder); err != nil {
		t.Fatal(err)
	}
	if gotState != state || gotHolder != holder {
		t.Errorf("%s is %s with %s; want %s with %s", key, gotState, gotHolder, state, holder)
	}
	if p, s := b.primary.charge(key), b.backup.charge(key); p != primary || s != backup {
		t.Errorf("%s: the primary has %q, the backup %q; want %q, %q", key, p, s, primary, backup)
	}
}

// metric checks that a line of the metrics begins so.
func (b *pair) metric(t *testing.T, parts ...string) {
	t.Helper()
	page := shoptest.Get(t, b.handler, "/metrics", "").Body.String()
	for line := range strings.Lines(page) {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(line, part)
		}
		if found {
			return
		}
	}
	t.Errorf("no metric has all of %q", parts)
}

func policy(f checkout.Failover) func(*checkout.Config) {
	return func(c *checkout.Config) { c.Payments.Failover = f }
}
