package grade

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/db"
	"faultlab/targets/db/dbtest"
)

// On a real PostgreSQL the grader's role counts few rows for a search with its index, and
// the assortment without; and it sees products that go or change.
func TestWhatTheDatabaseTells(t *testing.T) {
	server := dbtest.Start(t)
	ctx := t.Context()
	connect := func(role, password string) *pgx.Conn {
		c, err := pgx.Connect(ctx, server.URL(role, password))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(t.Context()) })
		return c
	}
	shop, grader := connect("shop", dbtest.ShopPassword), connect("grader", dbtest.GraderPassword)
	do := func(sql string) {
		t.Helper()
		if _, err := shop.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	scan := func(sql string, to ...any) {
		t.Helper()
		if err := grader.QueryRow(ctx, sql).Scan(to...); err != nil {
			t.Fatal(err)
		}
	}
	assortment := func() (n int, digest string) {
		t.Helper()
		scan(GoodsSQL, &n, &digest)
		return n, digest
	}
	search := func() float64 {
		t.Helper()
		var before, after float64
		scan(rowsSQL, &before)
		do("SELECT count(*) FROM (SELECT id FROM products WHERE to_tsvector('simple', name) @@ to_tsquery('simple', 'walnut & lamp:*') LIMIT 200) h JOIN products USING (id)")
		do("SELECT pg_stat_force_next_flush()")
		do("SELECT 1")
		scan(rowsSQL, &after)
		return after - before
	}
	if n := search(); n < freshLeast || n > 1000 {
		t.Errorf("a search reads %.0f rows; want some of 24 products", n)
	}
	do("DROP INDEX products_name_words")
	if n := search(); n < db.Products {
		t.Errorf("without its index a search reads %.0f rows; want all %d", n, db.Products)
	}
	do("CREATE INDEX ON products USING gist (to_tsvector('simple', name))")
	do("SELECT pg_stat_force_next_flush()")
	if n := search(); n > 5000 { // it looks at some in vain
		t.Errorf("with an index of another kind a search reads %.0f rows", n)
	}

	n, was := assortment()
	if n != db.Products {
		t.Errorf("%d products; want %d", n, db.Products)
	}
	do("UPDATE products SET stock = stock + 1 WHERE id = 5")
	if _, now := assortment(); now != was {
		t.Error("what is in stock counts as the assortment")
	}
	for _, change := range []string{"UPDATE products SET price_cents = price_cents + 1 WHERE id = 5", "DELETE FROM products WHERE id = 7"} {
		do(change)
		_, now := assortment()
		if now == was {
			t.Errorf("%s: nothing is seen of it", change)
		}
		was = now
	}
}
