package checkout_test

import (
	"context"
	"testing"
	"time"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/shoptest"
)

// Whichever provider an order was paid with, the queue is told of it once.
func TestOutboxOfSeveralProviders(t *testing.T) {
	server, queue := dbtest.Start(t), shoptest.StartRedis(t)
	b := startPair(t, server, func(c *checkout.Config) {
		c.Payments.Failover = checkout.FailoverError
		c.Settle.After = 2 * time.Second
		c.Queue.Address, c.Queue.Every = queue.Address, 50*time.Millisecond
		c.Database.QueryTimeout = 10 * time.Second // on any machine
	})
	b.exec(t, "UPDATE products SET price_cents = 100000 WHERE id = 55")
	b.pay(t, "told-primary")
	if status, _ := b.order(`{"key":"told-declined","lines":[{"product_id":55,"quantity":99}]}`); status != 402 {
		t.Errorf("%d; want declined", status)
	}
	b.primary.deaf.Store(true) // it neither charges nor withdraws
	if status, _ := b.order(`{"key":"told-cancelled","lines":[{"product_id":7,"quantity":3}]}`); status != 504 {
		t.Errorf("%d; want 504", status)
	}
	b.primary.deaf.Store(false)
	untilState(t, b, "told-cancelled", "cancelled")
	b.primary.server.Close()
	b.pay(t, "told-backup")
	b.want(t, "told-backup", "paid", "backup", "", api.Approved)
	if err := b.primary.open(); err != nil {
		t.Fatal(err)
	}
	b.primary.hang.Store(true) // it charges, and nobody hears of it
	if status, _ := b.order(`{"key":"told-settled","lines":[{"product_id":7,"quantity":3}]}`); status != 504 {
		t.Errorf("%d; want 504", status)
	}
	b.primary.hang.Store(false)
	untilState(t, b, "told-settled", "paid")
	b.pay(t, "told-primary", "told-backup") // again, which changes nothing
	untilTold(t, queue.Address, "told-primary", "told-backup", "told-settled")
	if n := b.count(t, "SELECT count(*) FROM outbox"); n != 3 {
		t.Errorf("%d messages in the outbox; want 3", n)
	}
}

// untilState waits until an order is in a state.
func untilState(t *testing.T, b *pair, key, want string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		var state string
		if err := b.conn.QueryRow(context.Background(), "SELECT state FROM orders WHERE key = $1", key).Scan(&state); err != nil {
			t.Fatal(err)
		}
		if state == want {
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("%s is %s; want %s", key, state, want)
		}
	}
}
