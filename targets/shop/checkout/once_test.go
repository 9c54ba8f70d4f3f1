package checkout_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/checkout"
)

// Whatever the providers do, however often users send an order, to whichever of two
// checkouts: it is charged once if it is paid, and otherwise not at all.
func TestNobodyIsChargedTwice(t *testing.T) {
	server := dbtest.Start(t)
	for _, f := range []checkout.Failover{checkout.FailoverOpenBreaker, checkout.FailoverError} {
		t.Run(string(f), func(t *testing.T) {
			const orders, times = 60, 3
			primary, backup := newProvider(t), newProvider(t)
			var checkouts []*pair
			for range 2 {
				checkouts = append(checkouts, startOn(t, server, primary, backup, func(c *checkout.Config) {
					c.Payments.Failover, c.Settle.After = f, 400*time.Millisecond
					c.Workers.Max, c.Database.Pool, c.Database.QueryTimeout = 100, 20, 5*time.Second
					for i := range c.Payments.Providers {
						c.Payments.Providers[i].Timeout = 80 * time.Millisecond
						c.Payments.Providers[i].Breaker.Failures = 3
					}
				}))
			}
			random := rand.New(rand.NewPCG(1, 2))
			trouble, stop := context.WithCancel(t.Context())
			var troubled, users sync.WaitGroup
			troubled.Go(func() { disturb(trouble, t, random, primary, backup) })
			key := func(i int) string { return fmt.Sprintf("once-%s-%04d", f, i) }
			for i := range orders {
				for n := range times {
					users.Go(func() { checkouts[(i+n)%2].send(key(i)) })
				}
				time.Sleep(40 * time.Millisecond) // users come one after another
			}
			users.Wait()
			stop()
			troubled.Wait()

			by := map[string]int{}
			for i := range orders {
				state, holder := settled(t, checkouts[0], key(i))
				charged := map[string]bool{"primary": primary.charge(key(i)) == api.Approved, "backup": backup.charge(key(i)) == api.Approved}
				if charged["primary"] && charged["backup"] {
					t.Errorf("%s is charged twice", key(i))
				}
				if (state == "paid") != charged[holder] || state != "paid" && (charged["primary"] || charged["backup"]) {
					t.Errorf("%s is %s with %s; charged: %v", key(i), state, holder, charged)
				}
				by[state+" "+holder]++
			}
			t.Log(by)
			if by["paid primary"] == 0 || by["paid backup"] == 0 {
				t.Errorf("want orders that each provider took: %v", by)
			}
		})
	}
}

// Of two requests for the same order one gives it to the backup. The other, which then
// hears from the primary that the charge is withdrawn, does not cancel it.
func twoAtOnce(t *testing.T, server *dbtest.Server) {
	patient := func(f checkout.Failover, patience time.Duration) func(*checkout.Config) {
		return func(c *checkout.Config) {
			c.Payments.Failover = f
			c.Payments.Providers[0].Timeout, c.Payments.Providers[1].Timeout = patience, 20*time.Second
		}
	}
	primary, backup := newProvider(t), newProvider(t)
	hasty := startOn(t, server, primary, backup, patient(checkout.FailoverError, 200*time.Millisecond))
	slow := startOn(t, server, primary, backup, patient(checkout.FailoverOpenBreaker, 20*time.Second))
	calls := func(p *provider, n int64) {
		t.Helper()
		for began := time.Now(); p.calls.Load() < n; time.Sleep(10 * time.Millisecond) {
			if time.Since(began) > 10*time.Second {
				t.Fatalf("%d calls; want %d", p.calls.Load(), n)
			}
		}
	}
	releasePrimary, releaseBackup := primary.hold(), backup.hold()
	got := make(chan int, 2)
	go func() { got <- slow.send("two-000001") }()
	calls(primary, 1)
	go func() { got <- hasty.send("two-000001") }()
	calls(backup, 1)
	releasePrimary()
	calls(backup, 2)
	releaseBackup()
	for range 2 {
		if status := <-got; status != 200 {
			t.Errorf("%d; want 200", status)
		}
	}
	slow.want(t, "two-000001", "paid", "backup", api.Voided, api.Approved)
}

// settled gives the final state of an order, and who holds it. On a slow machine one may
// never have been taken.
func settled(t *testing.T, b *pair, key string) (state, holder string) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(50 * time.Millisecond) {
		err := b.conn.QueryRow(context.Background(), "SELECT state, provider FROM orders WHERE key = $1", key).Scan(&state, &holder)
		if errors.Is(err, pgx.ErrNoRows) {
			return "not taken", ""
		}
		if err != nil {
			t.Fatal(err)
		}
		if state != "pending" {
			return state, holder
		}
	}
	t.Fatalf("%s stays pending", key)
	return "", ""
}

// disturb puts one provider after another out of order, and mends both at the end.
func disturb(ctx context.Context, t *testing.T, random *rand.Rand, primary, backup *provider) {
	for ctx.Err() == nil {
		p := primary
		if random.IntN(4) == 0 {
			p = backup
		}
		var mend func()
		switch random.IntN(5) {
		case 0:
			p.deaf.Store(true)
			mend = func() { p.deaf.Store(false) }
		case 1:
			p.hang.Store(true)
			mend = func() { p.hang.Store(false) }
		case 2:
			p.server.Close()
			mend = func() {
				if err := p.open(); err != nil {
					t.Error(err)
				}
			}
		default:
			mend = p.hold()
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(100+random.IntN(300)) * time.Millisecond):
		}
		mend()
	}
}
