package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/targets/db"
	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/service"
	"faultlab/targets/traffic"
)

func TestSearchExpression(t *testing.T) {
	tests := []struct {
		query  string
		prefix bool
		want   string
	}{
		{"Walnut lamp", false, "walnut & lamp"},
		{"Walnut lam", true, "walnut & lam:*"},
		{"  oak  ", true, "oak:*"},
		{"a'; DROP TABLE products; --", false, "a & drop & table & products"},
		{"!&|():*", true, ""},
		{"", true, ""},
	}
	for _, tt := range tests {
		if got := searchExpression(tt.query, tt.prefix); got != tt.want {
			t.Errorf("%q: %q; want %q", tt.query, got, tt.want)
		}
	}
}

func FuzzSearchExpression(f *testing.F) {
	f.Add("walnut lamp", true)
	f.Add("a' | !b:* <-> (c)", false)
	f.Fuzz(func(t *testing.T, query string, prefix bool) {
		got := strings.TrimSuffix(searchExpression(query, prefix), ":*")
		if strings.ContainsAny(strings.ReplaceAll(got, " & ", ""), `&|!:*()<>'"\ `) {
			t.Errorf("%q becomes %q", query, got)
		}
	})
}

func TestCatalogOnPostgres(t *testing.T) {
	server := dbtest.Start(t)
	ctx := context.Background()
	c := DefaultConfig()
	c.Cache.Address = ""
	c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", server.Port, dbtest.ShopPassword
	on := service.New(service.Identity{Service: Name, Release: "2.13.1"}, service.DefaultLog(), io.Discard)
	pool, err := service.OpenDatabase(ctx, c.Database, Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	s := &Store{pool}
	if _, err := BuildOn(s, on, &c); err != nil {
		t.Fatal(err)
	}
	h := on.Handler()

	t.Run("search", func(t *testing.T) {
		for _, query := range []string{"walnut lamp", "Walnut LAM"} {
			list, err := s.Search(ctx, query, true, 24)
			if err != nil || len(list) != 24 {
				t.Fatalf("%s: %d products, %v; want 24", query, len(list), err)
			}
			for _, p := range list {
				if !strings.HasSuffix(p.Name, "Walnut Lamp") || p.Category != "lighting" || len(p.Details) < 1000 || p.PriceCents < 1 {
					t.Errorf("%s: %+v", query, p)
				}
			}
		}
		if list, err := s.Search(ctx, "walnut lam", false, 24); err != nil || len(list) != 0 {
			t.Errorf("whole words only: %d products, %v", len(list), err)
		}
		if list, err := s.Search(ctx, "!&", true, 24); err != nil || list == nil || len(list) != 0 {
			t.Errorf("no words: %v, %v", list, err)
		}
	})

	t.Run("product", func(t *testing.T) {
		p, err := s.Product(ctx, 77)
		if err != nil || p.ID != 77 || p.CreatedAt.IsZero() {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := s.Product(ctx, db.Products+1); !errors.Is(err, ErrNotFound) {
			t.Errorf("got %v", err)
		}
		related, err := s.Related(ctx, p, relatedShown)
		if err != nil || len(related) != relatedShown || related[0].Category != p.Category || related[0].ID <= p.ID {
			t.Errorf("related: %+v, %v", related, err)
		}
	})

	t.Run("lists have what the products have", func(t *testing.T) {
		list, err := s.Search(ctx, "b", true, 100)
		if err != nil || len(list) != 100 {
			t.Fatalf("%d products, %v; want 100", len(list), err)
		}
		same, other := 0, 0 // neighbours
		for i, p := range list {
			if i > 0 && p.Category == list[i-1].Category {
				same++
			} else {
				other++
			}
			if one, err := s.Product(ctx, p.ID); err != nil || !reflect.DeepEqual(p, one) {
				t.Errorf("in the list it is %+v; alone %+v, %v", p, one, err)
			}
		}
		if same == 0 || other == 0 {
			t.Errorf("%d products follow one of their category, %d another; want some of both", same, other)
		}
	})

	t.Run("ordinary traffic is answered rightly and fast", func(t *testing.T) {
		plan := traffic.NewPlan(1)
		began := time.Now()
		const n = 300
		for range n {
			path := pathOf(plan.Next())
			if w := get(h, path); w.Code != http.StatusOK || w.Body.Len() < 1200 {
				t.Errorf("%s: %d, %d bytes", path, w.Code, w.Body.Len())
			}
		}
		t.Logf("%v per request", time.Since(began)/n)
	})

	t.Run("plans use their index", func(t *testing.T) {
		tests := []struct {
			sql, args, index string
		}{
			{searchSQL, "'walnut & lamp:*', 24", "products_name_words"},
			{searchSQL, "'lamp:*', 24", "products_name_words"},
			{productSQL, "77", "products_pkey"},
			{relatedSQL, "'lighting', 77, 6", "products_pkey"},
			{featuredSQL, "10", "products_pkey"},
		}
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			for _, tt := range tests {
				plan, took := explain(t, s, mode, tt.sql, tt.args)
				if !strings.Contains(plan, tt.index) || strings.Contains(plan, "Seq Scan on products") {
					t.Errorf("%s (%s) does not use %s:\n%s", tt.args, mode, tt.index, plan)
				}
				t.Logf("%s %s: %.2f ms", mode, tt.args, took)
			}
		}
	})

	t.Run("the database restarts", func(t *testing.T) {
		server.Stop(t)
		if w := get(h, "/v1/products/5"); w.Code != http.StatusServiceUnavailable && w.Code != http.StatusGatewayTimeout {
			t.Errorf("without a database: %d %s", w.Code, w.Body)
		}
		if w := get(h, "/readyz"); w.Code != http.StatusServiceUnavailable {
			t.Errorf("readyz without a database: %d", w.Code)
		}
		server.Run(t)
		began := time.Now()
		for get(h, "/v1/products/5").Code != http.StatusOK {
			if time.Since(began) > 5*time.Second {
				t.Fatal("no answer 5 s after the database is back")
			}
		}
		for range 20 { // every connection of the pool
			if w := get(h, "/v1/products/6"); w.Code != http.StatusOK {
				t.Errorf("after the restart: %d %s", w.Code, w.Body)
			}
		}
	})
}

// explain gives the plan and the time of a statement with the arguments.
func explain(t *testing.T, s *Store, mode, sql, args string) (string, float64) {
	t.Helper()
	ctx := context.Background()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, statement := range []string{"SET plan_cache_mode = " + mode, "DEALLOCATE ALL"} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	conn.Conn().DeallocateAll(ctx)
	if _, err := conn.Exec(ctx, "PREPARE p AS "+sql); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Conn().PgConn().Exec(ctx, "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE p("+args+")").ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	var ms float64
	for _, row := range rows[0].Rows {
		plan.Write(row[0])
		plan.WriteByte('\n')
	}
	if _, after, ok := strings.Cut(plan.String(), "Execution Time: "); ok {
		d, _ := time.ParseDuration(strings.ReplaceAll(strings.TrimSpace(after), " ", ""))
		ms = float64(d.Microseconds()) / 1000
	}
	if _, err := conn.Exec(ctx, "DEALLOCATE ALL"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Conn().DeallocateAll(ctx)
	return plan.String(), ms
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// pathOf is what web asks for on behalf of a user.
func pathOf(r traffic.Request) string {
	switch r.Route {
	case traffic.Search:
		return "/v1/products?limit=24&q=" + strings.TrimPrefix(r.Path(), "/search?q=")
	case traffic.Product:
		return fmt.Sprintf("/v1/products/%d", r.ProductID)
	}
	return "/v1/featured?limit=10"
}
