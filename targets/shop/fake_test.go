package shop

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"faultlab/targets/db"
)

// shelf is a store without a database: every id is a product of the usual
// size, with text of its own as a query would give it.
type shelf struct {
	err  error
	wait time.Duration
}

func (s shelf) make(ctx context.Context, id int64, name string) (Product, error) {
	if s.wait > 0 {
		select {
		case <-time.After(s.wait):
		case <-ctx.Done():
			return Product{}, ctx.Err()
		}
	}
	if name == "" {
		name = fmt.Sprintf("%s %s %s", db.Adjectives[id%25], db.Materials[id%40], db.Nouns[id%60])
	}
	return Product{
		ID: id, SKU: fmt.Sprintf("LIG-%05d", id), Name: name,
		Description: fmt.Sprintf("A fine thing number %d, made for busy families. Height 120 cm, width 60 cm, weight 1500 g. "+
			"Comes assembled, with a cleaning cloth and a leaflet in twelve languages.", id),
		Category: strings.Clone("lighting"), Details: strings.Repeat("Delivered to you in two days. ", 42)[:1250],
		PriceCents: 1999, Stock: 7, Tenant: strings.Clone("aurora"), CreatedAt: time.Unix(1_700_000_000, 0),
	}, s.err
}

func (s shelf) list(ctx context.Context, from int64, n int, name string) ([]Product, error) {
	list := []Product{}
	for id := from; id < from+int64(n); id++ {
		p, err := s.make(ctx, id, name)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func (s shelf) search(ctx context.Context, query string, _ bool, limit int) ([]Product, error) {
	return s.list(ctx, 100, limit, "Modern "+strings.Clone(query))
}

func (s shelf) product(ctx context.Context, id int64) (Product, error) {
	if id > db.Products {
		return Product{}, errNotFound
	}
	return s.make(ctx, id, "")
}

func (s shelf) related(ctx context.Context, p Product, limit int) ([]Product, error) {
	return s.list(ctx, p.ID+1, limit, "")
}

func (s shelf) featured(ctx context.Context, limit int) ([]Product, error) {
	return s.list(ctx, 1, limit, "")
}

func (s shelf) ping(context.Context) error { return s.err }

func testTelemetry(service, release string) *telemetry {
	id := Identity{Service: service, Release: release, Region: "us", Zone: "us-a"}
	return newTelemetry(id, slog.New(slog.NewJSONHandler(io.Discard, nil)), defaultLogConfig())
}

func mustRelease(t testing.TB, service, version string) Release {
	t.Helper()
	r, err := FindRelease(service, version)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func testCatalog(t testing.TB, version string, c CatalogConfig, s products) *catalog {
	t.Helper()
	return newCatalog(c, mustRelease(t, CatalogService, version), s, testTelemetry(CatalogService, version))
}

// testWeb gives a web that calls catalog, which is a server of its own.
func testWeb(t testing.TB, version string, c WebConfig, catalog http.Handler) *web {
	t.Helper()
	server := httptest.NewServer(catalog)
	t.Cleanup(server.Close)
	c.Catalog.URL = server.URL
	w := newWeb(c, mustRelease(t, WebService, version), testTelemetry(WebService, version))
	t.Cleanup(w.catalog.http.CloseIdleConnections)
	return w
}

func get(t testing.TB, h http.Handler, path, requestID string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if requestID != "" {
		r.Header.Set("X-Request-Id", requestID)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
