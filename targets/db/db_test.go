package db_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"faultlab/targets/db"
	"faultlab/targets/db/dbtest"

	"github.com/jackc/pgx/v5"
)

// The lists are in words.go for the users and in seed.sql for the products.
func TestWordsAreThoseOfTheSeed(t *testing.T) {
	seed, err := db.Files.ReadFile("seed.sql")
	if err != nil {
		t.Fatal(err)
	}
	for name, words := range map[string][]string{"adjectives": db.Adjectives, "materials": db.Materials, "nouns": db.Nouns} {
		array := regexp.MustCompile(`ARRAY\[([^]]*)\] AS ` + name).FindSubmatch(seed)
		if array == nil {
			t.Fatalf("seed.sql has no array %s", name)
		}
		var got []string
		for _, quoted := range regexp.MustCompile(`'([^']*)'`).FindAllSubmatch(array[1], -1) {
			got = append(got, string(quoted[1]))
		}
		if !slices.Equal(got, words) {
			t.Errorf("%s: seed.sql has %v; words.go has %v", name, got, words)
		}
	}
	if n := len(db.Adjectives) * len(db.Materials) * len(db.Nouns); n != db.Products {
		t.Errorf("the words make %d names; want %d", n, db.Products)
	}
}

func TestSeed(t *testing.T) {
	server := dbtest.Start(t)
	ctx := context.Background()
	shop := connect(t, server.URL("shop", dbtest.ShopPassword))

	var products, names, skus, first, last, featured, categories int
	if err := shop.QueryRow(ctx, `SELECT count(*), count(DISTINCT name), count(DISTINCT sku), min(id), max(id),
		(SELECT count(*) FROM featured), (SELECT count(*) FROM categories) FROM products`).
		Scan(&products, &names, &skus, &first, &last, &featured, &categories); err != nil {
		t.Fatal(err)
	}
	got := []int{products, names, skus, first, last, featured, categories}
	if want := []int{db.Products, db.Products, db.Products, 1, db.Products, 40, 12}; !slices.Equal(got, want) {
		t.Errorf("products, names, skus, first, last, featured, categories: %v; want %v", got, want)
	}

	// The sum changes only when the seed is changed on purpose.
	var sum string
	if _, err := shop.Exec(ctx, "SET TIME ZONE 'UTC'"); err != nil {
		t.Fatal(err)
	}
	if err := shop.QueryRow(ctx, `SELECT md5(string_agg(md5(p::text), '' ORDER BY id)) FROM products p`).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if want := "eb95ea600291ec1c3ad0557d9babc225"; sum != want {
		t.Errorf("sum of all products is %s; want %s", sum, want)
	}

	t.Run("every material is sold as every noun", func(t *testing.T) {
		var combinations, fewest int
		if err := shop.QueryRow(ctx, `SELECT count(*), min(n) FROM (
			SELECT count(*) AS n FROM products GROUP BY split_part(name, ' ', 2), split_part(name, ' ', 3)) c`).
			Scan(&combinations, &fewest); err != nil {
			t.Fatal(err)
		}
		if combinations != 2400 || fewest != 25 {
			t.Errorf("%d combinations, at least %d products each; want 2400 and 25", combinations, fewest)
		}
	})

	t.Run("grader reads everything and changes nothing", func(t *testing.T) {
		grader := connect(t, server.URL("grader", dbtest.GraderPassword))
		var n int
		if err := grader.QueryRow(ctx, "SELECT count(*) FROM products").Scan(&n); err != nil || n != db.Products {
			t.Errorf("count: %d, %v", n, err)
		}
		for _, read := range []string{"SET default_transaction_read_only = on", "SET default_transaction_read_only = off"} {
			if _, err := grader.Exec(ctx, read); err != nil {
				t.Fatal(err)
			}
			if _, err := grader.Exec(ctx, "UPDATE products SET stock = 0 WHERE id = 1"); err == nil {
				t.Errorf("after %s the grader changed a product", read)
			}
		}
	})

	t.Run("other services do no more than they need", func(t *testing.T) {
		for role, tt := range map[string]struct {
			password string
			refused  []string
		}{
			"shipping": {dbtest.ShippingPassword, []string{
				"UPDATE orders SET state = 'paid'", "DELETE FROM shipments", "UPDATE shipments SET items = 1", "DELETE FROM parked",
				"INSERT INTO outbox (order_id, body) VALUES (1, '{}')", "UPDATE outbox SET sent_to = ''", "SELECT * FROM report_sales",
				"SELECT * FROM products",
			}},
			"reports": {dbtest.ReportsPassword, []string{
				"UPDATE orders SET state = 'paid'", "DELETE FROM order_lines", "DO $$ BEGIN LOCK TABLE orders IN SHARE MODE; END $$", "SELECT * FROM outbox",
				"SELECT * FROM shipments", "DELETE FROM report_runs", "SELECT * FROM products",
			}},
		} {
			conn := connect(t, server.URL(role, tt.password))
			for _, sql := range tt.refused {
				if _, err := conn.Exec(ctx, sql); err == nil || !strings.Contains(err.Error(), "42501") {
					t.Errorf("%s: %s: %v; want permission denied", role, sql, err)
				}
			}
		}
	})

	t.Run("a wrong password is refused", func(t *testing.T) {
		c, err := pgx.Connect(ctx, server.URL("shop", "wrong"))
		if err == nil {
			_ = c.Close(ctx)
			t.Fatal("connected")
		}
		if !strings.Contains(err.Error(), "password") {
			t.Errorf("got %v; want a word about the password", err)
		}
	})
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}
