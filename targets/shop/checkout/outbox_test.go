package checkout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/shoptest"
)

// told gives the keys of the orders that are in the queue, first to last.
func told(t *testing.T, address string) []string {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	list, err := client.XRange(context.Background(), "orders", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, m := range list {
		var o api.PaidOrder
		if err := json.Unmarshal([]byte(m.Values[api.OrderField].(string)), &o); err != nil {
			t.Fatal(err)
		}
		if o.ID < 1 || o.Tenant != "fjord" || o.Region != "eu" || o.Items != 3 || o.TotalCents < 3 || time.Since(o.PaidAt) > time.Minute {
			t.Errorf("the queue has %s", m.Values[api.OrderField])
		}
		keys = append(keys, o.Key)
	}
	return keys
}

// untilTold waits until the queue has what is wanted.
func untilTold(t *testing.T, address string, want ...string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		got := told(t, address)
		if slices.Equal(got, want) {
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("the queue has %v; want %v", got, want)
		}
	}
}

// pay orders three things.
func (b *bench) pay(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if status, o := b.order(`{"key":"` + key + `","lines":[{"product_id":7,"quantity":2},{"product_id":9,"quantity":1}]}`); status != 200 {
			t.Errorf("%s: %d %+v", key, status, o)
		}
	}
}

func (b *bench) count(t *testing.T, sql string) int {
	t.Helper()
	var n int
	if err := b.conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (b *bench) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := b.conn.Exec(context.Background(), sql); err != nil {
		t.Fatal(err)
	}
}

func TestOutbox(t *testing.T) {
	server := dbtest.Start(t)
	begin := func(t *testing.T, address string, change func(*checkout.Config)) *bench {
		t.Helper()
		b := start(t, server, func(c *checkout.Config) {
			c.Queue.Address, c.Queue.Every = address, 50*time.Millisecond
			c.Database.QueryTimeout, c.Payments.Timeout = 10*time.Second, 10*time.Second // on any machine
			if change != nil {
				change(c)
			}
		})
		b.exec(t, "TRUNCATE outbox")
		return b
	}

	t.Run("without a queue nothing is kept for it", func(t *testing.T) {
		b := begin(t, "", nil)
		b.pay(t, "without-a-queue")
		if n := b.count(t, "SELECT count(*) FROM outbox"); n != 0 {
			t.Errorf("%d messages in the outbox; want none", n)
		}
		if text := shoptest.Get(t, b.handler, "/metrics", "").Body.String(); strings.Contains(text, "outbox_") {
			t.Error("there are metrics of the outbox")
		}
	})

	t.Run("paid orders are told in their order, others are not", func(t *testing.T) {
		queue := shoptest.StartRedis(t)
		b := begin(t, queue.Address, func(c *checkout.Config) { c.Queue.Batch = 2 })
		b.exec(t, "UPDATE products SET price_cents = 100000 WHERE id = 55")
		b.pay(t, "in-order-1", "in-order-2")
		if status, _ := b.order(`{"key":"in-order-declined","lines":[{"product_id":55,"quantity":99}]}`); status != 402 {
			t.Errorf("%d; want declined", status)
		}
		b.pay(t, "in-order-3", "in-order-1", "in-order-4", "in-order-5")
		untilTold(t, queue.Address, "in-order-1", "in-order-2", "in-order-3", "in-order-4", "in-order-5")
	})

	t.Run("an order whose payment was found later is told", func(t *testing.T) {
		queue := shoptest.StartRedis(t)
		b := begin(t, queue.Address, func(c *checkout.Config) { c.Payments.Timeout = 200 * time.Millisecond })
		b.partner.hang.Store(true)
		if status, _ := b.order(`{"key":"found-later","lines":[{"product_id":7,"quantity":3}]}`); status != 504 {
			t.Errorf("%d; want 504", status)
		}
		b.partner.hang.Store(false)
		untilTold(t, queue.Address, "found-later")
	})

	t.Run("orders are taken while the queue is away", func(t *testing.T) {
		queue := shoptest.StartRedis(t)
		b := begin(t, queue.Address, nil)
		queue.Stop()
		b.pay(t, "queue-away-1", "queue-away-2")
		for began := time.Now(); !strings.Contains(metrics(t, b), "\noutbox_unsent 2\n"); time.Sleep(50 * time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatalf("not 2 unsent:\n%s", metrics(t, b))
			}
		}
		queue.Run(t)
		untilTold(t, queue.Address, "queue-away-1", "queue-away-2")
	})

	t.Run("a checkout dies before it has told", func(t *testing.T) {
		queue := shoptest.StartRedis(t)
		b := begin(t, queue.Address, func(c *checkout.Config) { c.Queue.Every = time.Hour })
		b.pay(t, "died-before")
		start(t, server, func(c *checkout.Config) { c.Queue.Address = queue.Address })
		untilTold(t, queue.Address, "died-before")
	})

	t.Run("the connection ends while telling", func(t *testing.T) {
		for heard, want := range map[bool][]string{false: {"connection-ends"}, true: {"connection-ends-heard", "connection-ends-heard"}} {
			t.Run(fmt.Sprintf("heard %v", heard), func(t *testing.T) {
				queue := shoptest.StartRedis(t)
				cut := shoptest.StartCut(t, queue.Address)
				b := begin(t, cut.Address, nil)
				happened := cut.At("xadd", heard)
				b.pay(t, want[0])
				happened(t)
				untilTold(t, queue.Address, want...)
			})
		}
	})

	t.Run("what was not handled is told again when the queue's memory was lost", func(t *testing.T) {
		queue := shoptest.StartRedis(t)
		b := begin(t, queue.Address, nil)
		b.pay(t, "memory-lost-1", "memory-lost-2", "memory-lost-3")
		untilTold(t, queue.Address, "memory-lost-1", "memory-lost-2", "memory-lost-3")
		b.exec(t, "DELETE FROM outbox WHERE body->>'key' = 'memory-lost-2'") // as shipping does
		queue.Stop()
		b.pay(t, "memory-lost-4")
		queue.Run(t)
		untilTold(t, queue.Address, "memory-lost-1", "memory-lost-3", "memory-lost-4")
	})

	t.Run("two checkouts with different queues do not tell all the time", func(t *testing.T) {
		queues := []*shoptest.Redis{shoptest.StartRedis(t), shoptest.StartRedis(t)}
		quick := func(c *checkout.Config) { c.Queue.Every = 10 * time.Millisecond }
		b := begin(t, queues[0].Address, quick)
		begin(t, queues[1].Address, quick)
		b.pay(t, "two-queues")
		for began := time.Now(); len(told(t, queues[0].Address)) == 0 || len(told(t, queues[1].Address)) == 0; time.Sleep(50 * time.Millisecond) {
			if time.Since(began) > 20*time.Second {
				t.Fatal("one of them is not told")
			}
		}
		if n := len(told(t, queues[0].Address)) + len(told(t, queues[1].Address)); n > 5 {
			t.Errorf("it is told %d times", n)
		}
	})

	t.Run("two checkouts tell each order once", func(t *testing.T) {
		queue := shoptest.StartRedis(t)
		quick := func(c *checkout.Config) { c.Queue.Every, c.Queue.Batch = 10*time.Millisecond, 3 }
		two := []*bench{begin(t, queue.Address, quick), begin(t, queue.Address, quick)}
		var want []string
		var wg sync.WaitGroup
		for i, b := range two {
			var keys []string
			for j := range 10 {
				keys = append(keys, fmt.Sprintf("two-checkouts-%d-%d", i, j))
			}
			want = append(want, keys...)
			wg.Go(func() { b.pay(t, keys...) })
		}
		wg.Wait()
		for began := time.Now(); len(told(t, queue.Address)) < len(want) && time.Since(began) < 20*time.Second; {
			time.Sleep(50 * time.Millisecond)
		}
		got := told(t, queue.Address)
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("the queue has %v", got)
		}
	})
}

// metrics are those of a bench's service, without their labels.
func metrics(t *testing.T, b *bench) string {
	t.Helper()
	var lines strings.Builder
	for line := range strings.Lines(shoptest.Get(t, b.handler, "/metrics", "").Body.String()) {
		if from, to := strings.Index(line, "{"), strings.Index(line, "}"); from > 0 && to > from {
			line = line[:from] + line[to+1:]
		}
		lines.WriteString(line)
	}
	return lines.String()
}
