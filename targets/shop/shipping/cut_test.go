package shipping_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/shoptest"
)

// The shipment is committed, and the queue does not hear of it, or is heard no more.
func cutBeforeAck(b *bench) {
	cut := shoptest.StartCut(b, b.queue.Address)
	on, _ := b.worker("one", func(c *shipping.Config) { c.Queue.Address = cut.Address })
	for i, heard := range []bool{false, true} {
		happened := cut.At("xack", heard)
		b.tell(b.orders(3, api.Paid)...)
		happened(b)
		b.settled(3*(i+1), 0)
	}
	if n := b.metric(on, "messages_failed_total", `fault="queue"`); n < 1 {
		b.Errorf("%v failures of the queue; want at least 1", n)
	}
}

// Another worker finds the order shipped and does nothing but acknowledge.
func diesBeforeAck(b *bench) {
	cut := shoptest.StartCut(b, b.queue.Address)
	happened := cut.At("xack", false)
	_, stop := b.worker("one", func(c *shipping.Config) { c.Queue.Address = cut.Address })
	b.tell(b.orders(1, api.Paid)...)
	happened(b)
	cut.Close() // it does not come back
	stop()
	if b.shipments() != 1 || b.pending() != 1 {
		b.Fatalf("%d shipments, %d pending; want the shipment without its acknowledgement", b.shipments(), b.pending())
	}
	two, _ := b.worker("two", func(c *shipping.Config) { c.Queue.Visibility = 100 * time.Millisecond })
	b.settled(1, 0)
	b.until("it is counted as shipped before", func() bool { return b.metric(two, "messages_handled_total", `result="again"`) == 1 })
}

func ownFirst(b *bench) {
	b.tell(b.orders(40, api.Paid)...)
	took(b, "one", 30)
	b.worker("one", func(c *shipping.Config) { c.Queue.Visibility = time.Hour })
	b.settled(40, 0)
}

func queueRestarts(b *bench) {
	on, _ := b.worker("one", nil)
	list := b.orders(6, api.Paid)
	b.tell(list[:3]...)
	b.settled(3, 0)
	b.queue.Stop()
	b.until("readyz says no", func() bool {
		return strings.Contains(shoptest.Get(b, on.Handler(), "/readyz", "").Body.String(), "queue does not answer")
	})
	if v := b.metric(on, "queue_up", ""); v != 0 {
		b.Errorf("queue_up is %v; want 0", v)
	}
	if v := b.metric(on, "queue_lag_messages", ""); v != -1 {
		b.Errorf("there is a lag of %v that nobody knows", v)
	}
	b.queue.Run(b)
	b.tell(list[3:]...)
	b.settled(6, 0)
}

// A message is not to blame for the database, even where it has one attempt only.
func databaseRestarts(b *bench) {
	on, _ := b.worker("one", func(c *shipping.Config) { c.Retry.Attempts = 1 })
	list := b.orders(60, api.Paid)
	b.tell(list[:3]...)
	b.settled(3, 0)
	b.server.Stop(b)
	b.tell(list[3:]...)
	b.until("it fails", func() bool { return b.metric(on, "messages_failed_total", `fault="database"`) > 0 })
	if v := b.metric(on, "queue_lag_messages", ""); v != 57 {
		b.Errorf("the lag is %v; want 57", v)
	}
	if v := b.pending(); v > 16+4 {
		b.Errorf("it took %d messages that it cannot work on", v)
	}
	b.server.Run(b)
	b.db.Reset()
	b.until("the database answers", func() bool { return b.db.Ping(context.Background()) == nil })
	b.settled(60, 0)
}

// hold locks shipments until it is told to let go.
func hold(b *bench) (free func()) {
	b.Helper()
	ctx := context.Background()
	tx, err := b.db.Begin(ctx)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE shipments IN EXCLUSIVE MODE"); err != nil {
		b.Fatal(err)
	}
	free = func() { _ = tx.Rollback(ctx) }
	b.Cleanup(free)
	return free
}

// inWork is the number of messages whose work waits for the lock.
func (b *bench) inWork() int { return b.count("SELECT count(*) FROM pg_locks WHERE NOT granted") }

func stopFinishes(b *bench) {
	free := hold(b)
	_, stop := b.worker("one", func(c *shipping.Config) { c.Database.QueryTimeout, c.Queue.Stop = 20*time.Second, 20*time.Second })
	b.tell(b.orders(1, api.Paid)...)
	b.until("it is in work", func() bool { return b.inWork() == 1 })
	stopped := make(chan struct{})
	go func() {
		stop()
		close(stopped)
	}()
	select {
	case <-stopped:
		b.Fatal("stopped in the middle")
	case <-time.After(300 * time.Millisecond):
	}
	free()
	<-stopped
	b.settled(1, 0)
}

func stopGivesBack(b *bench) {
	free := hold(b)
	b.tell(b.orders(5, api.Paid)...)
	_, stop := b.worker("one", func(c *shipping.Config) {
		c.Database.QueryTimeout, c.Queue.Stop, c.Queue.Concurrency = 30*time.Second, 100*time.Millisecond, 2
	})
	b.until("two are in work", func() bool { return b.inWork() == 2 && b.pending() == 5 })
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		b.Errorf("the stop took %v", took)
	}
	if b.shipments() != 0 || b.pending() != 5 {
		b.Errorf("%d shipments, %d pending; want 0 and 5", b.shipments(), b.pending())
	}
	free()
	b.worker("two", nil) // visibility is a minute, and they come at once
	b.settled(5, 0)
}

// Without the queue or the database the service runs, says that it is not ready, and
// stops soon.
func TestNothingAnswers(t *testing.T) {
	c := shipping.DefaultConfig()
	c.Database.Host, c.Database.Port = "127.0.0.1", 1
	c.Queue.Address = "127.0.0.1:1"
	on := shoptest.Service(shipping.Name, "1.0.0")
	closing, err := shipping.Build(context.Background(), on, &c)
	if err != nil {
		t.Fatal(err)
	}
	if w := shoptest.Get(t, on.Handler(), "/readyz", ""); w.Code != 503 || !strings.Contains(w.Body.String(), "database") {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	if w := shoptest.Get(t, on.Handler(), "/healthz", ""); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	began := time.Now()
	closing()
	if took := time.Since(began); took > time.Second {
		t.Errorf("the stop took %v", took)
	}
}
