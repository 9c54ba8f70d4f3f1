package reports_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/workspace"
)

// Release 1.1.0 waits within its transaction for the catalog to show a list that nobody
// else can see before the transaction ends, and whose TRUNCATE keeps the catalog waiting:
// turn.feature calls shown before it commits.
func TestTheHomePageWhileProductsAreFeatured(t *testing.T) {
	for _, tt := range []struct {
		release string
		waits   bool
	}{{"1.0.0", false}, {"1.1.0", true}} {
		t.Run(tt.release, func(t *testing.T) {
			b := &bench{T: t, server: dbtest.Start(t)}
			var err error
			if b.db, err = pgxpool.New(context.Background(), b.server.URL("shop", dbtest.ShopPassword)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(b.db.Close)
			// Only who may monitor sees what others do.
			eyes := &bench{T: t}
			if eyes.db, err = pgxpool.New(context.Background(), b.server.URL("grader", dbtest.GraderPassword)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(eyes.db.Close)
			for _, c := range workspace.Changes() {
				if c.Name == "reports-featured" {
					b.exec(c.Edits[0].New)
				}
			}
			b.exec(`WITH sold AS (
				INSERT INTO orders (key, tenant, region, state, total_cents) VALUES ('sold-order', 'fjord', 'eu', 'paid', 100) RETURNING id
			) INSERT INTO order_lines SELECT id, 4711, 3, 100 FROM sold`)
			cc := catalog.DefaultConfig()
			cc.Cache.Address = ""
			cc.Database.Host, cc.Database.Port, cc.Database.Password = "127.0.0.1", b.server.Port, dbtest.ShopPassword
			shelf := shoptest.Service(catalog.Name, "2.13.1")
			closing, err := catalog.Build(context.Background(), shelf, &cc)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(closing)
			server := httptest.NewServer(shelf.Handler())
			t.Cleanup(server.Close)

			c := reports.DefaultConfig()
			c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", b.server.Port, dbtest.ReportsPassword
			c.Every, c.Chunk.Pause, c.Days = time.Second, 0, 0
			c.Featured.Catalog.URL, c.Featured.Wait = server.URL, 5*time.Second
			on := shoptest.Service(reports.Name, tt.release)
			ending, err := reports.Build(context.Background(), on, &c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(ending)

			const holdsSQL = `SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid)
				WHERE a.application_name = 'reports' AND a.state = 'idle in transaction'
				AND l.relation = 'featured'::regclass AND l.mode = 'AccessExclusiveLock' AND l.granted`
			const waitsSQL = `SELECT count(*) FROM pg_stat_activity
				WHERE application_name = 'catalog' AND wait_event_type = 'Lock' AND wait_event = 'relation'`
			if !tt.waits {
				b.runs(on, "ok", 2)
				if holds := eyes.text(holdsSQL); holds != "0" {
					t.Errorf("reports holds %s locks while it idles", holds)
				}
				if w := shoptest.Get(t, shelf.Handler(), "/v1/featured?limit=10", ""); w.Code != http.StatusOK {
					t.Errorf("the home page: %d %s", w.Code, w.Body)
				}
				return
			}
			b.until("reports holds the list of featured products and idles", func() bool { return eyes.text(holdsSQL) != "0" })
			b.until("a catalog waits for it", func() bool { return eyes.text(waitsSQL) != "0" })
			began := time.Now()
			if w := shoptest.Get(t, shelf.Handler(), "/v1/featured?limit=10", ""); w.Code != http.StatusGatewayTimeout || time.Since(began) < cc.Database.QueryTimeout {
				t.Errorf("the home page: %d after %v: %s", w.Code, time.Since(began), w.Body)
			}
			dump := shoptest.Get(t, on.Handler(), "/debug/pprof/goroutine?debug=2", "").Body.String()
			if !strings.Contains(dump, "reports.(*reports).shown") || !strings.Contains(dump, "reports.(*turn).feature.func1") {
				t.Error("no goroutine waits in shown, called by turn.feature")
			}
			b.runs(on, "failed", 1)
			// Undone, and the holder comes back.
			if n := b.text("SELECT count(*) FROM featured WHERE product_id = 4711"); n != "0" {
				t.Errorf("product 4711 is featured %s times; want the list as it was", n)
			}
			b.until("the next run holds it again", func() bool { return eyes.text(holdsSQL) != "0" })
		})
	}
}
