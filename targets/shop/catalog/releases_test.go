package catalog

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/service"
	"faultlab/targets/workspace"
)

// counter counts statements, as pg_stat_statements would.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// bench is a catalog of a release on a database.
type bench struct {
	http.Handler
	store      *Store
	statements counter
}

func release(t *testing.T, server *dbtest.Server, version string) *bench {
	t.Helper()
	b := &bench{}
	pc, err := pgxpool.ParseConfig(server.URL("shop", dbtest.ShopPassword) + "&plan_cache_mode=force_generic_plan&application_name=catalog")
	if err != nil {
		t.Fatal(err)
	}
	pc.ConnConfig.Tracer = &b.statements
	pool, err := pgxpool.NewWithConfig(t.Context(), pc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	c := DefaultConfig()
	c.Cache.Address = ""
	c.Database.QueryTimeout = 10 * time.Second
	on := service.New(service.Identity{Service: Name, Release: version}, service.DefaultLog(), io.Discard)
	b.store = &Store{&service.Database{Pool: pool}}
	if _, err := BuildOn(b.store, on, &c); err != nil {
		t.Fatal(err)
	}
	b.Handler = on.Handler()
	return b
}

// ask gives how many statements and how much time a page costs a tenant.
func (b *bench) ask(t *testing.T, path, tenant string) (statements int64, took time.Duration, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("X-Tenant", tenant)
	w := httptest.NewRecorder()
	before, began := b.statements.n.Load(), time.Now()
	b.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return b.statements.n.Load() - before, time.Since(began), w.Body.String()
}

var pages = []struct {
	path     string
	products int64 // that it shows, one of its own not counted
}{
	{"/v1/products?q=walnut+lamp&limit=24", 24}, {"/v1/products/77", 6}, {"/v1/featured?limit=10", 10},
}

// Release 2.16.0 reads lists product by product: single.list.
func TestStatementsOfAPage(t *testing.T) {
	server := dbtest.Start(t)
	old, single := release(t, server, "2.13.1"), release(t, server, "2.16.0")
	for _, p := range pages {
		before, _, want := old.ask(t, p.path, "fjord")
		after, _, got := single.ask(t, p.path, "fjord")
		if got != want {
			t.Errorf("%s: the page of 2.16.0 differs:\n%s\nwant\n%s", p.path, got, want)
		}
		if before > 2 || after != before+p.products {
			t.Errorf("%s: %d statements, then %d; want at most 2, then %d more", p.path, before, after, p.products)
		}
	}
}

// apply runs the migration that a change brings, as its author does: in one session. That
// of search-rebuild is cancelled at its end, which its author does not see.
func apply(t *testing.T, b *bench, change string) {
	t.Helper()
	conn, err := b.store.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, c := range workspace.Changes() {
		if c.Name != change {
			continue
		}
		for _, e := range c.Edits {
			if !strings.HasPrefix(e.File, "db/migrations/") {
				continue
			}
			for statement := range strings.SplitSeq(e.New, ";\n") {
				if strings.TrimSpace(statement) == "" {
					continue
				}
				_, err := conn.Exec(t.Context(), statement)
				var said *pgconn.PgError
				if cancelled := errors.As(err, &said) && said.Code == "57014"; err != nil && !(cancelled && change == "search-rebuild") {
					t.Fatalf("%s: %v in\n%s", e.File, err, statement)
				}
			}
			if _, err := conn.Exec(t.Context(), "RESET ALL"); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no change %s brings a migration", change)
}

// Each migration leaves some page of the release that runs without its index.
func TestMigrationsThatCostAnIndex(t *testing.T) {
	for change, sql := range map[string][2]string{
		"search-english":     {searchSQL, "'walnut & lamp:*', 24"},
		"search-in-stock":    {searchSQL, "'walnut & lamp:*', 24"},
		"search-rebuild":     {searchSQL, "'walnut & lamp:*', 24"},
		"products-by-tenant": {relatedSQL, "'lighting', 77, 6"},
	} {
		t.Run(change, func(t *testing.T) {
			b := release(t, dbtest.Start(t), "2.13.1")
			before, quick := explain(t, b.store, "force_generic_plan", sql[0], sql[1])
			apply(t, b, change)
			after, slow := explain(t, b.store, "force_generic_plan", sql[0], sql[1])
			t.Logf("%.2f ms, then %.2f ms", quick, slow)
			if strings.Contains(before, "Seq Scan on products") || !strings.Contains(after, "Seq Scan on products") {
				t.Errorf("plans before:\n%s\nafter:\n%s\nwant a sequential scan of products after only", before, after)
			}
			if slow < 4*quick {
				t.Errorf("%.2f ms before, %.2f ms after; want four times as much", quick, slow)
			}
			for _, p := range pages { // slower, and right
				b.ask(t, p.path, "fjord")
			}
		})
	}
}

// Release 2.17.0 reads the rules of a tenant for each product (pricesSQL), and
// their index knows the tenant only: whose contract names every product pays for it.
func TestPricesOfATenant(t *testing.T) {
	server := dbtest.Start(t)
	b := release(t, server, "2.17.0")
	apply(t, b, "tenant-prices")
	old := release(t, server, "2.13.1")
	took := map[string]time.Duration{}
	for _, tenant := range []string{"harbour", "fjord"} {
		for range 3 {
			n, d, _ := b.ask(t, pages[0].path, tenant)
			if n != 2 {
				t.Errorf("%d statements; want 2", n)
			}
			if took[tenant] == 0 || d < took[tenant] {
				took[tenant] = d
			}
		}
	}
	old.ask(t, pages[0].path, "harbour") // connects
	_, usual, whole := old.ask(t, pages[0].path, "harbour")
	t.Logf("a search takes %v for harbour, %v for fjord, %v in 2.13.1", took["harbour"], took["fjord"], usual)
	if took["harbour"] < 5*took["fjord"] {
		t.Errorf("a search takes %v for harbour, %v for fjord; want five times as much", took["harbour"], took["fjord"])
	}
	if _, _, paid := b.ask(t, pages[0].path, "harbour"); paid == whole {
		t.Error("harbour's prices are those of everybody")
	}
	plan := planOf(t, b, "harbour")
	if !strings.Contains(plan, "price_rules_tenant") || !strings.Contains(plan, "Rows Removed by Filter: 60") {
		t.Errorf("the plan does not show that all rules are read:\n%s", plan)
	}
	if _, err := b.store.pool.Exec(t.Context(), "CREATE INDEX CONCURRENTLY price_rules_tenant_sku ON price_rules (tenant, sku)"); err != nil {
		t.Fatal(err)
	}
	if plan := planOf(t, b, "harbour"); !strings.Contains(plan, "price_rules_tenant_sku") {
		t.Errorf("an index by tenant and product is not used:\n%s", plan)
	}
}

// planOf gives the plan of the prices of 24 products.
func planOf(t *testing.T, b *bench, tenant string) string {
	t.Helper()
	plan, _ := explain(t, b.store, "force_generic_plan", pricesSQL, "'"+tenant+"', ARRAY["+strings.TrimSuffix(strings.Repeat("'LIG-00001',", 24), ",")+"]")
	return plan
}
