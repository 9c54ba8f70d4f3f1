package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/shoptest"
)

// Workers that are killed at any moment lose no order and ship none twice.
func TestKilledShipping(t *testing.T) {
	const orders, kills = 300, 6
	server, queue := dbtest.Start(t), shoptest.StartRedis(t)
	ctx := context.Background()
	db, err := pgxpool.New(ctx, server.URL("shop", dbtest.ShopPassword))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	stream := redis.NewClient(&redis.Options{Addr: queue.Address})
	t.Cleanup(func() { _ = stream.Close() })
	rows, err := db.Query(ctx, `WITH taken AS (
		INSERT INTO orders (key, tenant, region, state, total_cents)
		SELECT gen_random_uuid(), 'fjord', 'eu', 'paid', 1 FROM generate_series(1, $1) RETURNING id, key
	) SELECT json_build_object('id', id, 'key', key, 'items', 1, 'total_cents', 1)::text FROM taken`, orders)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			t.Fatal(err)
		}
		if err := stream.XAdd(ctx, &redis.XAddArgs{Stream: "orders", Values: []string{"order", body}}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	count := func(sql string) (n int) {
		t.Helper()
		if err := db.QueryRow(ctx, sql).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	const shipments = "SELECT count(*) FROM shipments"
	for i := range kills {
		began := time.Now()
		cmd := startShipping(t, server, queue, fmt.Sprintf("worker-%d", i%2))
		for goal := min(count(shipments)+1+rand.IntN(20), orders); count(shipments) < goal; time.Sleep(5 * time.Millisecond) {
			if time.Since(began) > time.Minute {
				t.Fatalf("%d of %d orders shipped", count(shipments), orders)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	startShipping(t, server, queue, "worker-2")
	for began := time.Now(); stream.XLen(ctx, "orders").Val() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("%d messages are left", stream.XLen(ctx, "orders").Val())
		}
	}
	if n, parked := count(shipments), count("SELECT count(*) FROM parked"); n != orders || parked != 0 {
		t.Errorf("%d shipments, %d parked; want %d and none", n, parked, orders)
	}
}

// startShipping starts a worker as a process of its own.
func startShipping(t *testing.T, server *dbtest.Server, queue *shoptest.Redis, name string) *exec.Cmd {
	t.Helper()
	config := filepath.Join(t.TempDir(), "c.yaml")
	text := fmt.Sprintf(`listen: 127.0.0.1:0
database: {host: 127.0.0.1, port: %d, password: %s}
queue: {address: %q, consumer: %s, visibility: 200ms, batch: 4, concurrency: 2}
`, server.Port, dbtest.ShippingPassword, queue.Address, name)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("shop", "shipping", "--config", config)
	cmd.Env = append(os.Environ(), "SHOP_RELEASE=1.0.0")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}
