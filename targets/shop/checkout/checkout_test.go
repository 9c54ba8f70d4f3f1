package checkout_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/db"
	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/payments"
	"faultlab/targets/shop/shoptest"
)

// partner is a real payment partner whose answers can be held or lost.
type partner struct {
	real  http.Handler
	calls atomic.Int64
	hang  atomic.Bool // do the work, never answer
	deaf  atomic.Bool // do not even do the work
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.calls.Add(1)
	// Whoever has not read a request does not hear that its sender has gone.
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if p.deaf.Load() {
		<-r.Context().Done()
		return
	}
	if p.hang.Load() {
		p.real.ServeHTTP(httptest.NewRecorder(), r)
		<-r.Context().Done()
		return
	}
	p.real.ServeHTTP(w, r)
}

type bench struct {
	handler http.Handler
	partner *partner
	conn    *pgx.Conn
}

func start(t *testing.T, server *dbtest.Server, change func(*checkout.Config)) *bench {
	t.Helper()
	ctx := context.Background()
	pay := shoptest.Service(payments.Name, "2026.2")
	pc := payments.DefaultConfig()
	if _, err := payments.Build(ctx, pay, &pc); err != nil {
		t.Fatal(err)
	}
	b := &bench{partner: &partner{real: pay.Handler()}}
	upstream := httptest.NewServer(b.partner)
	t.Cleanup(upstream.Close)
	c := checkout.DefaultConfig()
	c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", server.Port, dbtest.ShopPassword
	c.Payments.URL, c.Payments.Timeout = upstream.URL, 200*time.Millisecond
	c.Settle.Every, c.Settle.After = 100*time.Millisecond, time.Second
	if change != nil {
		change(&c)
	}
	on := shoptest.Service(checkout.Name, "3.4.0")
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

func (b *bench) order(body string) (int, api.Order) {
	r := httptest.NewRequest(http.MethodPost, "/v1/orders", strings.NewReader(body))
	r.Header.Set("X-Tenant", "fjord")
	r.Header.Set("X-Region", "eu")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	var o api.Order
	_ = json.Unmarshal(w.Body.Bytes(), &o)
	return w.Code, o
}

// state reads an order in the database.
func (b *bench) state(t *testing.T, key string) string {
	t.Helper()
	var state string
	if err := b.conn.QueryRow(context.Background(), "SELECT state FROM orders WHERE key = $1", key).Scan(&state); err != nil {
		t.Fatal(err)
	}
	return state
}

func (b *bench) until(t *testing.T, key, want string) {
	t.Helper()
	for began := time.Now(); b.state(t, key) != want; time.Sleep(50 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("%s is %s after 10 s; want %s", key, b.state(t, key), want)
		}
	}
}

func TestCheckout(t *testing.T) {
	server := dbtest.Start(t)
	ctx := context.Background()

	t.Run("an order is taken once", func(t *testing.T) {
		b := start(t, server, nil)
		status, first := b.order(`{"key":"order-000001","lines":[{"product_id":7,"quantity":2},{"product_id":9,"quantity":1}]}`)
		var want int64
		if err := b.conn.QueryRow(ctx, "SELECT sum(price_cents * CASE id WHEN 7 THEN 2 ELSE 1 END) FROM products WHERE id IN (7, 9)").Scan(&want); err != nil {
			t.Fatal(err)
		}
		if status != 200 || first.State != api.Paid || first.TotalCents != want {
			t.Fatalf("%d %+v; want paid over %d", status, first, want)
		}
		if status, again := b.order(`{"key":"order-000001","lines":[{"product_id":8,"quantity":9}]}`); status != 200 || again.TotalCents != first.TotalCents {
			t.Errorf("the same key again: %d %+v", status, again)
		}
		if n := b.partner.calls.Load(); n != 1 {
			t.Errorf("%d charges; want 1", n)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { b.order(`{"key":"order-at-once","lines":[{"product_id":7,"quantity":1}]}`) })
		}
		wg.Wait()
		var orders, lines int
		if err := b.conn.QueryRow(ctx, "SELECT count(*), (SELECT count(*) FROM order_lines WHERE order_id = max(o.id)) FROM orders o WHERE key = 'order-at-once'").Scan(&orders, &lines); err != nil || orders != 1 || lines != 1 {
			t.Errorf("%d orders with %d lines (%v); want 1 and 1", orders, lines, err)
		}
	})

	t.Run("what is wrong is refused, and nothing stays", func(t *testing.T) {
		b := start(t, server, nil)
		for body, want := range map[string]int{
			`{`: 400,
			`{"key":"short","lines":[{"product_id":7,"quantity":1}]}`:                                          400,
			`{"key":"order-000002","lines":[]}`:                                                                400,
			`{"key":"order-000002","lines":[{"product_id":7,"quantity":0}]}`:                                   400,
			`{"key":"order-000002","lines":[{"product_id":7,"quantity":1},{"product_id":7,"quantity":1}]}`:     400,
			`{"key":"order-000002","lines":[{"product_id":` + strconv.Itoa(db.Products+1) + `,"quantity":1}]}`: 404,
		} {
			if status, _ := b.order(body); status != want {
				t.Errorf("%s: %d; want %d", body, status, want)
			}
		}
		var n int
		if err := b.conn.QueryRow(ctx, "SELECT count(*) FROM orders WHERE key = 'order-000002'").Scan(&n); err != nil || n != 0 {
			t.Errorf("%d orders stayed (%v)", n, err)
		}
	})

	t.Run("a declined payment", func(t *testing.T) {
		b := start(t, server, nil)
		if _, err := b.conn.Exec(ctx, "UPDATE products SET price_cents = 100000 WHERE id = 55"); err != nil {
			t.Fatal(err)
		}
		if status, o := b.order(`{"key":"order-000003","lines":[{"product_id":55,"quantity":99}]}`); status != 402 || o.State != api.Declined {
			t.Errorf("%d %+v", status, o)
		}
	})

	t.Run("a charge whose answer was lost is found again", func(t *testing.T) {
		b := start(t, server, nil)
		b.partner.hang.Store(true)
		if status, _ := b.order(`{"key":"order-000004","lines":[{"product_id":7,"quantity":1}]}`); status != 504 {
			t.Errorf("%d; want 504", status)
		}
		if got := b.state(t, "order-000004"); got != "pending" {
			t.Errorf("it is %s", got)
		}
		b.partner.hang.Store(false)
		b.until(t, "order-000004", "paid")
	})

	t.Run("a charge that never came is withdrawn", func(t *testing.T) {
		b := start(t, server, nil)
		b.partner.deaf.Store(true)
		if status, _ := b.order(`{"key":"order-000005","lines":[{"product_id":7,"quantity":1}]}`); status != 504 {
			t.Errorf("%d; want 504", status)
		}
		b.partner.deaf.Store(false)
		b.until(t, "order-000005", "cancelled")
		if status, o := b.order(`{"key":"order-000005","lines":[{"product_id":7,"quantity":1}]}`); status != 402 || o.State != api.Cancelled {
			t.Errorf("the same order again: %d %+v", status, o)
		}
	})

	t.Run("the breaker opens and closes", func(t *testing.T) {
		b := start(t, server, func(c *checkout.Config) {
			c.Payments.Breaker.Failures, c.Payments.Breaker.OpenFor = 2, 300*time.Millisecond
			c.Settle.Every = time.Hour
		})
		b.partner.deaf.Store(true)
		send := func(key string) int {
			status, _ := b.order(`{"key":"` + key + `","lines":[{"product_id":7,"quantity":1}]}`)
			return status
		}
		for i, want := range []int{504, 504, 502, 502} {
			if got := send("breaker-00" + strconv.Itoa(i)); got != want {
				t.Errorf("order %d: %d; want %d", i, got, want)
			}
		}
		if n := b.partner.calls.Load(); n != 2 {
			t.Errorf("the partner was called %d times; want 2", n)
		}
		b.partner.deaf.Store(false)
		for began := time.Now(); send("breaker-back") != 200; time.Sleep(50 * time.Millisecond) {
			if time.Since(began) > 5*time.Second {
				t.Fatal("the breaker stays open")
			}
		}
	})

	t.Run("no worker is free", func(t *testing.T) {
		b := start(t, server, func(c *checkout.Config) {
			c.Workers.Max, c.Workers.Wait, c.Payments.Timeout, c.Payments.Breaker.Failures = 1, 50*time.Millisecond, 2*time.Second, 0
		})
		b.partner.deaf.Store(true)
		held := make(chan int, 1)
		go func() {
			status, _ := b.order(`{"key":"worker-0001","lines":[{"product_id":7,"quantity":1}]}`)
			held <- status
		}()
		for b.partner.calls.Load() == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		began := time.Now()
		if status, _ := b.order(`{"key":"worker-0002","lines":[{"product_id":7,"quantity":1}]}`); status != 503 || time.Since(began) > time.Second {
			t.Errorf("%d after %v; want 503 at once", status, time.Since(began))
		}
		if got := <-held; got != 504 {
			t.Errorf("the first got %d", got)
		}
	})
}
