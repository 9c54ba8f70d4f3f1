package shipping_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/shoptest"
)

// bench is a database with orders, and a queue.
type bench struct {
	*testing.T
	server *dbtest.Server
	queue  *shoptest.Redis
	db     *pgxpool.Pool // as the shop, who owns it
	redis  *redis.Client
}

func newBench(t *testing.T, server *dbtest.Server) *bench {
	t.Helper()
	b := &bench{T: t, server: server, queue: shoptest.StartRedis(t)}
	var err error
	if b.db, err = pgxpool.New(context.Background(), server.URL("shop", dbtest.ShopPassword)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.db.Close)
	b.redis = redis.NewClient(&redis.Options{Addr: b.queue.Address})
	t.Cleanup(func() { _ = b.redis.Close() })
	b.exec("TRUNCATE outbox, shipments, parked")
	return b
}

func (b *bench) exec(sql string, args ...any) {
	b.Helper()
	if _, err := b.db.Exec(context.Background(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) count(sql string, args ...any) int {
	b.Helper()
	var n int
	if err := b.db.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		b.Fatal(err)
	}
	return n
}

// orders makes n orders in a state, each with its message in the outbox.
func (b *bench) orders(n int, state api.OrderState) []string {
	b.Helper()
	rows, err := b.db.Query(context.Background(), `WITH taken AS (
		INSERT INTO orders (key, tenant, region, state, total_cents)
		SELECT gen_random_uuid(), 'fjord', 'eu', $2, 4200 FROM generate_series(1, $1) RETURNING id, key
	)
	INSERT INTO outbox (order_id, body) SELECT id, jsonb_build_object('id', id, 'key', key, 'items', 3, 'total_cents', 4200) FROM taken
	RETURNING body::text`, n, string(state))
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var bodies []string
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	if len(bodies) != n {
		b.Fatalf("%d orders, %v", len(bodies), rows.Err())
	}
	return bodies
}

// tell puts messages into the queue.
func (b *bench) tell(bodies ...string) {
	b.Helper()
	for _, body := range bodies {
		b.add(api.OrderField, body)
	}
}

func (b *bench) add(values ...string) {
	b.Helper()
	if err := b.redis.XAdd(context.Background(), &redis.XAddArgs{Stream: "orders", Values: values}).Err(); err != nil {
		b.Fatal(err)
	}
}

// worker runs one until the test ends or stop is called.
func (b *bench) worker(name string, change func(*shipping.Config)) (on *service.Service, stop func()) {
	b.Helper()
	c := shipping.DefaultConfig()
	c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", b.server.Port, dbtest.ShippingPassword
	c.Queue.Address, c.Queue.Consumer, c.Queue.Block = b.queue.Address, name, 50*time.Millisecond
	c.Retry.Backoff = 20 * time.Millisecond
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		b.Fatal(err)
	}
	on = shoptest.Service(shipping.Name, "1.0.0")
	ctx, cancel := context.WithCancel(context.Background())
	closing, err := shipping.Build(ctx, on, &c)
	if err != nil {
		b.Fatal(err)
	}
	closed := false
	stop = func() {
		cancel()
		if !closed {
			closing()
		}
		closed = true
	}
	b.Cleanup(stop)
	return on, stop
}

// until waits for a condition, which says what it waits for.
func (b *bench) until(what string, holds func() bool) {
	b.Helper()
	for began := time.Now(); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			b.Fatalf("not after 30 s: %s; %d shipments, %d parked, %d messages", what, b.shipments(), b.parked(), b.waiting())
		}
	}
}

// settled waits until the queue is empty, and says what is wrong with what came of it.
func (b *bench) settled(shipments, parked int) {
	b.Helper()
	b.until("the queue is empty", func() bool { return b.waiting() == 0 && b.shipments() >= shipments })
	if b.shipments() != shipments || b.parked() != parked {
		b.Errorf("%d shipments, %d parked; want %d and %d", b.shipments(), b.parked(), shipments, parked)
	}
	if n := b.pending(); n != 0 {
		b.Errorf("%d messages are pending", n)
	}
}

func (b *bench) shipments() int { return b.count("SELECT count(*) FROM shipments") }
func (b *bench) parked() int    { return b.count("SELECT count(*) FROM parked") }
func (b *bench) waiting() int   { return int(b.redis.XLen(context.Background(), "orders").Val()) }

func (b *bench) pending() int64 {
	p, err := b.redis.XPending(context.Background(), "orders", "shipping").Result()
	if err != nil {
		return -1
	}
	return p.Count
}

// metric gives a value of a service; labels are some of its labels, e.g. `result="again"`.
func (b *bench) metric(on *service.Service, name, labels string) float64 {
	b.Helper()
	for line := range strings.Lines(shoptest.Get(b, on.Handler(), "/metrics", "").Body.String()) {
		if strings.HasPrefix(line, name+"{") && strings.Contains(line, labels) {
			var v float64
			if _, err := fmt.Sscan(line[strings.LastIndex(line, "}")+1:], &v); err != nil {
				b.Fatal(err)
			}
			return v
		}
	}
	return -1
}

// id is the order of a message.
func (b *bench) id(body string) int64 {
	b.Helper()
	var o api.PaidOrder
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		b.Fatal(err)
	}
	return o.ID
}
