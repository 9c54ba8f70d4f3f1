// Package shoptest is what the tests of the shop's services share.
package shoptest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faultlab/targets/db"
	"faultlab/targets/shop/api"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/web"
)

// Shelf is a catalog's store without a database: every id is a product of the usual
// size, with text of its own as a query would give it.
type Shelf struct {
	Err  error         // of every question
	Wait time.Duration // before every answer
}

func (s Shelf) make(ctx context.Context, id int64, name string) (api.Product, error) {
	if s.Wait > 0 {
		select {
		case <-time.After(s.Wait):
		case <-ctx.Done():
			return api.Product{}, ctx.Err()
		}
	}
	if name == "" {
		name = fmt.Sprintf("%s %s %s", db.Adjectives[id%25], db.Materials[id%40], db.Nouns[id%60])
	}
	return api.Product{
		ID: id, SKU: fmt.Sprintf("LIG-%05d", id), Name: name,
		Description: fmt.Sprintf("A fine thing number %d, made for busy families. Height 120 cm, width 60 cm, weight 1500 g. "+
			"Comes assembled, with a cleaning cloth and a leaflet in twelve languages.", id),
		Category: strings.Clone("lighting"), Details: strings.Repeat("Delivered to you in two days. ", 42)[:1250],
		PriceCents: 1999, Stock: 7, Tenant: strings.Clone("aurora"), CreatedAt: time.Unix(1_700_000_000, 0),
	}, s.Err
}

func (s Shelf) list(ctx context.Context, from int64, n int, name string) ([]api.Product, error) {
	list := []api.Product{}
	for id := from; id < from+int64(n); id++ {
		p, err := s.make(ctx, id, name)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

// Search finds what was searched for.
func (s Shelf) Search(ctx context.Context, query string, _ bool, limit int) ([]api.Product, error) {
	return s.list(ctx, 100, limit, "Modern "+strings.Clone(query))
}

// Product finds every id that the shop sells.
func (s Shelf) Product(ctx context.Context, id int64) (api.Product, error) {
	if id > db.Products {
		return api.Product{}, catalog.ErrNotFound
	}
	return s.make(ctx, id, "")
}

// Related finds the next ids.
func (s Shelf) Related(ctx context.Context, p api.Product, limit int) ([]api.Product, error) {
	return s.list(ctx, p.ID+1, limit, "")
}

// Featured finds the first ids.
func (s Shelf) Featured(ctx context.Context, limit int) ([]api.Product, error) {
	return s.list(ctx, 1, limit, "")
}

// Ping gives Err.
func (s Shelf) Ping(context.Context) error { return s.Err }

// Service gives a service of a release in zone us-a that logs nothing.
func Service(name, release string) *service.Service {
	return service.New(service.Identity{Service: name, Release: release, Region: "us", Zone: "us-a"}, service.DefaultLog(), io.Discard)
}

// Catalog gives a catalog that reads from a store, without a cache unless c names
// another than the default one.
func Catalog(t testing.TB, release string, c catalog.Config, store catalog.Products) http.Handler {
	t.Helper()
	if c.Cache.Address == catalog.DefaultCache().Address {
		c.Cache.Address = ""
	}
	s := Service(catalog.Name, release)
	closing, err := catalog.BuildOn(store, s, &c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closing)
	return s.Handler()
}

// Web gives a web that calls a catalog, which becomes a server of its own.
func Web(t testing.TB, release string, c web.Config, catalog http.Handler) http.Handler {
	t.Helper()
	server := httptest.NewServer(catalog)
	t.Cleanup(server.Close)
	c.Catalog.URL = server.URL
	s := Service(web.Name, release)
	if _, err := web.Build(context.Background(), s, &c); err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

// Get asks for a path, with a request id if it is not empty.
func Get(t testing.TB, h http.Handler, path, requestID string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if requestID != "" {
		r.Header.Set("X-Request-Id", requestID)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// File writes a configuration file and gives its path.
func File(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
