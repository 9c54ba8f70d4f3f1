package checkout_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/checkout"
)

func TestFailover(t *testing.T) {
	server := dbtest.Start(t)
	for name, play := range map[string]func(*testing.T, *dbtest.Server){
		"all is well":           allIsWell,
		"refused":               refused,
		"off":                   off,
		"hangs":                 hangs,
		"the breaker opens":     breakerOpens,
		"late":                  late,
		"asked before":          askedBefore,
		"the answer was lost":   answerLost,
		"two at once":           twoAtOnce,
		"both are down":         bothDown,
		"the pool is full":      poolFull,
		"from before the list":  fromBefore,
		"a provider is missing": missing,
	} {
		t.Run(name, func(t *testing.T) { play(t, server) })
	}
}

func allIsWell(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, nil)
	if status := b.send("well-0001"); status != 200 {
		t.Errorf("%d", status)
	}
	b.want(t, "well-0001", "paid", "primary", api.Approved, "")
	b.metric(t, "charges_total{", `provider="primary"`, `state="approved"`, " 1\n")
	b.metric(t, "upstream_requests_total{", `provider="primary"`, `upstream="payments"`, `result="ok"`, " 1\n")
	b.metric(t, "breaker_open{", `provider="backup"`, " 0\n")
	b.metric(t, "provider_calls_max{", `provider="backup"`, " 8\n")
	if strings.Contains(b.log.String(), "payment") {
		t.Errorf("logged: %s", b.log)
	}
	// A card that is declined is declined.
	if _, err := b.conn.Exec(context.Background(), "UPDATE products SET price_cents = 100000 WHERE id = 55"); err != nil {
		t.Fatal(err)
	}
	if status, o := b.order(`{"key":"well-0002","lines":[{"product_id":55,"quantity":99}]}`); status != 402 || o.State != api.Declined {
		t.Errorf("%d %+v", status, o)
	}
	b.want(t, "well-0002", "declined", "primary", api.Refused, "")
}

// A provider that accepts no connection has no charge: the next one is asked at once.
func refused(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, nil)
	b.primary.server.Close()
	if status := b.send("refused-0001"); status != 200 {
		t.Errorf("%d; want 200", status)
	}
	b.want(t, "refused-0001", "paid", "backup", "", api.Approved)
	b.metric(t, "payment_failovers_total{", `from="primary"`, `to="backup"`, `reason="no_connection"`, " 1\n")
	for _, line := range []string{`"reason":"no_connection"`, `"msg":"payment decided","service":"checkout","release":"3.4.0","region":"","zone":"","key":"refused-0001","provider":"backup"`} {
		if !strings.Contains(b.log.String(), line) {
			t.Errorf("the log lacks %s: %s", line, b.log)
		}
	}
	// It comes back, and so do new orders; the old one stays where it is.
	if err := b.primary.open(); err != nil {
		t.Fatal(err)
	}
	if status := b.send("refused-0001"); status != 200 || b.primary.charge("refused-0001") != "" {
		t.Errorf("%d, and the primary has %q", status, b.primary.charge("refused-0001"))
	}
	if status := b.send("refused-0002"); status != 200 {
		t.Errorf("%d", status)
	}
	b.want(t, "refused-0002", "paid", "primary", api.Approved, "")
}

func off(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, policy(checkout.FailoverOff))
	b.primary.server.Close()
	if status := b.send("off-00001"); status != 502 {
		t.Errorf("%d; want 502", status)
	}
	b.want(t, "off-00001", "pending", "primary", "", "")
}

// Nobody knows whether a provider that hangs has a charge, and it does not say.
func hangs(t *testing.T, server *dbtest.Server) {
	for _, f := range []checkout.Failover{checkout.FailoverOpenBreaker, checkout.FailoverError} {
		b := startPair(t, server, policy(f))
		key := "hangs-" + string(f)
		b.primary.deaf.Store(true)
		if status := b.send(key); status != 504 {
			t.Errorf("%s: %d; want 504", f, status)
		}
		b.want(t, key, "pending", "primary", "", "")
		if b.backup.calls.Load() != 0 {
			t.Errorf("%s: the backup was asked", f)
		}
	}
}

// Once the breaker is open new orders go to the backup without asking; when it closes,
// to the primary again.
func breakerOpens(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, func(c *checkout.Config) {
		c.Payments.Providers[0].Breaker.Failures, c.Payments.Providers[0].Breaker.OpenFor = 2, time.Second
	})
	b.primary.deaf.Store(true)
	for i, want := range []int{504, 504, 200, 200} {
		if got := b.send("opens-000" + strconv.Itoa(i)); got != want {
			t.Errorf("order %d: %d; want %d", i, got, want)
		}
	}
	b.want(t, "opens-0002", "paid", "backup", "", api.Approved)
	b.metric(t, "breaker_open{", `provider="primary"`, " 1\n")
	b.metric(t, "payment_failovers_total{", `reason="breaker_open"`, " 2\n")
	b.primary.deaf.Store(false)
	for began, i := time.Now(), 0; ; i++ {
		key := "opens-back-" + strconv.Itoa(i)
		if status := b.send(key); status != 200 {
			t.Fatalf("%s: %d", key, status)
		}
		if b.primary.charge(key) == api.Approved {
			b.want(t, key, "paid", "primary", api.Approved, "")
			break
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal("the breaker stays open")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A charge that is still on its way when the order goes to the backup is withdrawn
// first, so that it is nothing when it comes.
func late(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, policy(checkout.FailoverError))
	release := b.primary.hold()
	if status := b.send("late-00001"); status != 200 {
		t.Errorf("%d; want 200", status)
	}
	release()
	b.want(t, "late-00001", "paid", "backup", api.Voided, api.Approved)
	b.metric(t, "payment_failovers_total{", `reason="timeout"`, " 1\n")
	if !strings.Contains(b.log.String(), `"voided":true`) {
		t.Errorf("the log does not tell of the void: %s", b.log)
	}
}

// An order that the primary may have is withdrawn there before the open breaker sends
// it to the backup.
func askedBefore(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, func(c *checkout.Config) {
		c.Payments.Providers[0].Breaker.Failures, c.Payments.Providers[0].Breaker.OpenFor = 1, time.Minute
	})
	release := b.primary.hold()
	if status := b.send("before-0001"); status != 504 {
		t.Errorf("%d; want 504", status)
	}
	if status := b.send("before-0001"); status != 200 {
		t.Errorf("again: %d; want 200", status)
	}
	release()
	b.want(t, "before-0001", "paid", "backup", api.Voided, api.Approved)
}

// A charge that was made, and whose answer was lost, is found by the void, and stays.
func answerLost(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, func(c *checkout.Config) {
		c.Payments.Failover, c.Settle.After = checkout.FailoverError, time.Second
	})
	b.primary.hang.Store(true)
	if status := b.send("lost-00001"); status != 504 { // the void hangs, too
		t.Errorf("%d; want 504", status)
	}
	b.primary.hang.Store(false)
	b.until(t, "lost-00001", "paid")
	b.want(t, "lost-00001", "paid", "primary", api.Approved, "")
	if b.backup.calls.Load() != 0 {
		t.Error("the backup was asked")
	}
}

func bothDown(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, func(c *checkout.Config) { c.Settle.After = time.Second })
	b.primary.server.Close()
	b.backup.server.Close()
	if status := b.send("both-00001"); status != 502 {
		t.Errorf("%d; want 502", status)
	}
	b.want(t, "both-00001", "pending", "backup", "", "")
	// The primary stays away, and keeps nobody else's orders waiting
	if err := b.backup.open(); err != nil {
		t.Fatal(err)
	}
	b.until(t, "both-00001", "cancelled")
	b.want(t, "both-00001", "cancelled", "backup", "", api.Voided)
}

func poolFull(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, func(c *checkout.Config) {
		p := &c.Payments.Providers[0]
		p.Pool, p.Timeout = checkout.PoolConfig{Max: 1}, 3*time.Second
	})
	release := b.primary.hold()
	first := make(chan int, 1)
	go func() { first <- b.send("full-00001") }()
	for b.primary.calls.Load() == 0 {
		time.Sleep(10 * time.Millisecond)
	}
	if status := b.send("full-00002"); status != 200 {
		t.Errorf("%d; want 200", status)
	}
	b.want(t, "full-00002", "paid", "backup", "", api.Approved)
	b.metric(t, "provider_calls_refused_total{", `provider="primary"`, " 1\n")
	b.metric(t, "payment_failovers_total{", `reason="pool_full"`, " 1\n")
	if status := <-first; status != 504 {
		t.Errorf("the first got %d", status)
	}
	release()
}

// An order that was pending when the list came may have been charged by the first.
func fromBefore(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, nil)
	if _, err := b.conn.Exec(context.Background(), `INSERT INTO orders (key, tenant, region, state, total_cents)
		VALUES ('legacy-0001', 'fjord', 'eu', 'pending', 500)`); err != nil {
		t.Fatal(err)
	}
	b.primary.server.Close()
	if status := b.send("legacy-0001"); status != 502 {
		t.Errorf("%d; want 502: it cannot be withdrawn", status)
	}
	b.want(t, "legacy-0001", "pending", "primary", "", "")
	if err := b.primary.open(); err != nil {
		t.Fatal(err)
	}
	if status := b.send("legacy-0001"); status != 200 {
		t.Errorf("%d; want 200", status)
	}
	b.want(t, "legacy-0001", "paid", "primary", api.Approved, "")
}

func missing(t *testing.T, server *dbtest.Server) {
	b := startPair(t, server, func(c *checkout.Config) { c.Settle.After = 0 })
	if _, err := b.conn.Exec(context.Background(), `INSERT INTO orders (key, tenant, region, state, total_cents, provider, charge_attempts)
		VALUES ('missing-0001', 'fjord', 'eu', 'pending', 500, 'gone', 1)`); err != nil {
		t.Fatal(err)
	}
	if status := b.send("missing-0001"); status != 502 {
		t.Errorf("%d; want 502", status)
	}
	for began := time.Now(); !strings.Contains(b.log.String(), "1 orders belong to providers that are not configured"); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 5*time.Second {
			t.Fatalf("nothing was logged: %s", b.log)
		}
	}
	if _, err := b.conn.Exec(context.Background(), "DELETE FROM orders WHERE key = 'missing-0001'"); err != nil {
		t.Fatal(err)
	}
}
