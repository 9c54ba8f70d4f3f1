package shipping_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/shoptest"
)

func TestShipping(t *testing.T) {
	server := dbtest.Start(t)
	for name, test := range map[string]func(*bench){
		"orders are shipped once":                     shippedOnce,
		"a message that cannot be handled is parked":  parkedWithReason,
		"it does not block others meanwhile":          blocksNobody,
		"unless no more than one may be held":         holdsOne,
		"two workers share the work":                  twoWorkers,
		"what a dead one held is taken over":          deadOne,
		"what may be ending its workers is parked":    givenOutOften,
		"the connection ends before acknowledging":    cutBeforeAck,
		"a worker dies before acknowledging":          diesBeforeAck,
		"a worker that comes back has its own first":  ownFirst,
		"the queue restarts empty":                    queueRestarts,
		"the database restarts":                       databaseRestarts,
		"a stop finishes what is in work":             stopFinishes,
		"a stop gives back what it cannot finish":     stopGivesBack,
		"a message that was deleted is not waited on": deletedMessage,
	} {
		t.Run(name, func(t *testing.T) { test(newBench(t, server)) })
	}
}

func shippedOnce(b *bench) {
	list := b.orders(20, api.Paid)
	b.tell(list...)
	b.tell(list[:5]...)
	on, _ := b.worker("one", nil)
	b.settled(20, 0)
	if n := b.count("SELECT count(*) FROM shipments JOIN orders o ON o.id = order_id WHERE items = 3 AND shipments.tenant = o.tenant AND shipments.region = o.region"); n != 20 {
		b.Errorf("%d of 20 shipments are right", n)
	}
	if n := b.count("SELECT count(*) FROM outbox"); n != 0 {
		b.Errorf("%d messages are left in the outbox; want none, as all were handled", n)
	}
	b.until("the metrics tell", func() bool {
		return b.metric(on, "messages_handled_total", `result="shipped"`) == 20 && b.metric(on, "messages_handled_total", `result="again"`) == 5
	})
	if age := float64(time.Now().Unix()) - b.metric(on, "last_success_timestamp_seconds", ""); age > 60 || age < -1 {
		b.Errorf("the last success was %v s ago", age)
	}
	for _, name := range []string{"queue_lag_messages", "queue_lag_seconds", "messages_parked_total"} {
		if v := b.metric(on, name, ""); v != 0 {
			b.Errorf("%s is %v; want 0", name, v)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if w := shoptest.Get(b, on.Handler(), path, ""); w.Code != http.StatusOK {
			b.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// poison puts messages into the queue that cannot be handled, between good ones.
func poison(b *bench, good []string) (bad int, reasons []string) {
	declined := b.orders(1, api.Declined)[0]
	another := strings.Replace(b.orders(1, api.Paid)[0], `"key": "`, `"key": "x`, 1)
	b.exec("DELETE FROM outbox WHERE order_id = ANY($1)", []int64{b.id(declined), b.id(another)})
	list := [][]string{
		{"ordre", "{}"},
		{api.OrderField, "{"},
		{api.OrderField, "a\x00b\xff"},
		{api.OrderField, `{"id":9000000000000000000,"key":"order-000001","items":1,"total_cents":1}`},
		{api.OrderField, declined},
		{api.OrderField, another},
	}
	for i, values := range list {
		b.add(values...)
		if i < len(good) {
			b.tell(good[i])
		}
	}
	b.tell(good[min(len(list), len(good)):]...)
	return len(list), []string{"is another one", "is declined; want paid", "no field order", "not one: invalid", "not one: unexpected end", "there is no order"}
}

func parkedWithReason(b *bench) {
	bad, reasons := poison(b, b.orders(10, api.Paid))
	on, _ := b.worker("one", func(c *shipping.Config) { c.Retry.Attempts, c.Retry.MaxBackoff = 3, 50*time.Millisecond })
	b.settled(10, bad)
	rows, err := b.db.Query(context.Background(), "SELECT reason, message, deliveries FROM parked ORDER BY reason")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var got []string
	for rows.Next() {
		var reason, message string
		var deliveries int
		if err := rows.Scan(&reason, &message, &deliveries); err != nil {
			b.Fatal(err)
		}
		got = append(got, reason)
		if deliveries != 3 || !strings.HasPrefix(message, `{"ord`) {
			b.Errorf("parked %s after %d attempts; want the fields, and 3", message, deliveries)
		}
	}
	for _, want := range reasons {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, want) }) {
			b.Errorf("no reason %q in %q", want, got)
		}
	}
	b.until("the metrics tell", func() bool {
		return b.metric(on, "messages_parked_total", "") == float64(bad) && b.metric(on, "messages_failed_total", `fault="message"`) == float64(3*bad)
	})
}

func blocksNobody(b *bench) {
	bad, _ := poison(b, b.orders(30, api.Paid))
	patient := func(c *shipping.Config) {
		c.Retry.Backoff, c.Retry.MaxBackoff, c.Queue.Batch, c.Queue.Concurrency = time.Hour, time.Hour, 1, 1
	}
	on, stop := b.worker("one", patient)
	b.until("the good ones are shipped", func() bool { return b.shipments() == 30 && b.waiting() == bad })
	if lag := b.metric(on, "queue_lag_messages", ""); lag != float64(bad) {
		b.Errorf("the lag is %v; want %d", lag, bad)
	}
	// What waits is given back, and not held against the visibility of a minute.
	stop()
	b.worker("two", func(c *shipping.Config) { c.Retry.Attempts = 1 })
	b.settled(30, bad)
}

// With room for one message, one that is tried for ever is in the way of all others.
func holdsOne(b *bench) {
	b.add("ordre", "{}")
	b.tell(b.orders(3, api.Paid)...)
	one := func(c *shipping.Config) {
		c.Queue.Hold, c.Retry.Attempts, c.Retry.Deliveries, c.Retry.MaxBackoff = 1, 0, 0, 20*time.Millisecond
	}
	on, stop := b.worker("one", one)
	b.until("it is tried again and again", func() bool { return b.metric(on, "messages_failed_total", `fault="message"`) > 20 })
	if b.shipments() != 0 || b.parked() != 0 {
		b.Errorf("%d shipments, %d parked; want none", b.shipments(), b.parked())
	}
	stop()
	b.worker("one", func(c *shipping.Config) { one(c); c.Retry.Attempts = 3 })
	b.settled(3, 1)
}

func twoWorkers(b *bench) {
	one, _ := b.worker("one", func(c *shipping.Config) { c.Queue.Batch = 2 })
	two, _ := b.worker("two", func(c *shipping.Config) { c.Queue.Batch = 2 })
	b.tell(b.orders(100, api.Paid)...)
	b.settled(100, 0)
	handled := func(result string) float64 {
		return b.metric(one, "messages_handled_total", result) + b.metric(two, "messages_handled_total", result)
	}
	b.until("both tell", func() bool { return handled(`result="shipped"`) == 100 })
}

// took has a worker that does not exist any more read n messages.
func took(b *bench, consumer string, n int64) []redis.XMessage {
	b.Helper()
	ctx := context.Background()
	_ = b.redis.XGroupCreateMkStream(ctx, "orders", "shipping", "0").Err()
	list, err := b.redis.XReadGroup(ctx, &redis.XReadGroupArgs{Group: "shipping", Consumer: consumer, Streams: []string{"orders", ">"}, Count: n}).Result()
	if err != nil || len(list[0].Messages) != int(n) {
		b.Fatalf("%v, %v", list, err)
	}
	return list[0].Messages
}

func deadOne(b *bench) {
	b.tell(b.orders(12, api.Paid)...)
	took(b, "dead", 8)
	_, stop := b.worker("one", nil) // visibility is a minute
	b.until("the rest is shipped", func() bool { return b.shipments() == 4 })
	stop()
	if n := b.pending(); n != 8 {
		b.Errorf("%d messages are left to the dead one; want 8", n)
	}
	b.worker("two", func(c *shipping.Config) { c.Queue.Visibility = 200 * time.Millisecond })
	b.settled(12, 0)
}

func givenOutOften(b *bench) {
	b.tell(b.orders(2, api.Paid)...)
	victim := took(b, "dead", 1)[0].ID
	for range 3 {
		args := &redis.XClaimArgs{Stream: "orders", Group: "shipping", Consumer: "dead", Messages: []string{victim}}
		if err := b.redis.XClaim(context.Background(), args).Err(); err != nil {
			b.Fatal(err)
		}
	}
	b.worker("one", func(c *shipping.Config) { c.Queue.Visibility, c.Retry.Deliveries = 100*time.Millisecond, 4 })
	b.settled(1, 1)
	if n := b.count("SELECT count(*) FROM parked WHERE reason LIKE 'given out 5 times%' AND message_id = $1", victim); n != 1 {
		b.Error("it is not parked for being given out 5 times")
	}
}

func deletedMessage(b *bench) {
	b.tell(b.orders(2, api.Paid)...)
	gone := took(b, "one", 1)[0].ID
	if err := b.redis.XDel(context.Background(), "orders", gone).Err(); err != nil {
		b.Fatal(err)
	}
	b.worker("one", nil)
	b.settled(1, 0)
}
