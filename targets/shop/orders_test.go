package shop_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/payments"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/shoptest"
)

// Whatever restarts between a customer's order and its shipment, every order that was
// paid is shipped once.
func TestEveryPaidOrderIsShippedOnce(t *testing.T) {
	server, queue := dbtest.Start(t), shoptest.StartRedis(t)
	ctx := context.Background()
	pay := shoptest.Service(payments.Name, "2026.2")
	pc := payments.DefaultConfig()
	if _, err := payments.Build(ctx, pay, &pc); err != nil {
		t.Fatal(err)
	}
	partner := httptest.NewServer(pay.Handler())
	t.Cleanup(partner.Close)
	takes := func() (h http.Handler, stop func()) {
		c := checkout.DefaultConfig()
		c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", server.Port, dbtest.ShopPassword
		c.Payments.URL, c.Payments.Timeout, c.Database.QueryTimeout = partner.URL, 10*time.Second, 10*time.Second // on any machine
		c.Queue.Address, c.Queue.Every, c.Queue.Batch = queue.Address, 20*time.Millisecond, 5
		on := shoptest.Service(checkout.Name, "3.4.0")
		stop, err := checkout.Build(ctx, on, &c)
		if err != nil {
			t.Fatal(err)
		}
		return on.Handler(), stop
	}
	ships := func(name string) (stop func()) {
		c := shipping.DefaultConfig()
		c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", server.Port, dbtest.ShippingPassword
		c.Queue.Address, c.Queue.Consumer, c.Queue.Block, c.Queue.Visibility = queue.Address, name, 50*time.Millisecond, 500*time.Millisecond
		stop, err := shipping.Build(ctx, shoptest.Service(shipping.Name, "1.0.0"), &c)
		if err != nil {
			t.Fatal(err)
		}
		return stop
	}
	orders := 0
	order := func(h http.Handler, n int) {
		var wg sync.WaitGroup
		for range n {
			orders++
			body := fmt.Sprintf(`{"key":"order-%06d","lines":[{"product_id":7,"quantity":1}]}`, orders)
			wg.Go(func() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/orders", strings.NewReader(body)))
				if w.Code != http.StatusOK {
					t.Errorf("%s: %d %s", body, w.Code, w.Body)
				}
			})
		}
		wg.Wait()
	}
	for i := range 3 {
		h, stopTaking := takes()
		stopOne, stopTwo := ships(fmt.Sprintf("one-%d", i)), ships(fmt.Sprintf("two-%d", i))
		order(h, 10)
		queue.Stop()
		order(h, 10)
		queue.Run(t)
		order(h, 10)
		if i == 1 {
			stopOne()
			order(h, 10)
			queue.Stop()
			queue.Run(t)
		} else {
			defer stopOne()
		}
		stopTaking()
		stopTwo()
	}
	_, stop := takes()
	defer stop()
	db, err := pgxpool.New(ctx, server.URL("shop", dbtest.ShopPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	stream := redis.NewClient(&redis.Options{Addr: queue.Address})
	t.Cleanup(func() { _ = stream.Close() })
	var paid, shipped, parked, left int
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if err := db.QueryRow(ctx, `SELECT (SELECT count(*) FROM orders WHERE state = 'paid'), (SELECT count(*) FROM shipments),
			(SELECT count(*) FROM parked), (SELECT count(*) FROM outbox)`).Scan(&paid, &shipped, &parked, &left); err != nil {
			t.Fatal(err)
		}
		if left == 0 && stream.XLen(ctx, "orders").Val() == 0 {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%d paid, %d shipped, %d parked, %d left in the outbox, %d in the queue", paid, shipped, parked, left, stream.XLen(ctx, "orders").Val())
		}
	}
	if paid != orders || shipped != orders || parked != 0 {
		t.Errorf("%d orders: %d paid, %d shipped, %d parked", orders, paid, shipped, parked)
	}
}
