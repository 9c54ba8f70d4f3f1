package catalog_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/shoptest"
)

func TestMemoAnswersTheSameRequestAgain(t *testing.T) {
	h := shoptest.Catalog(t, "2.14.0", catalog.DefaultConfig(), shoptest.Shelf{})
	first := shoptest.Get(t, h, "/v1/products/7", "same")
	again := shoptest.Get(t, h, "/v1/products/7", "same")
	text := shoptest.Get(t, h, "/metrics", "").Body.String()
	if first.Body.String() != again.Body.String() || !strings.Contains(text, `cache_lookups_total{cache="memo",region="us",release="2.14.0",result="hit",service="catalog",zone="us-a"} 1`) {
		t.Errorf("not the same body from the memo:\n%s", text)
	}
}

func TestSuggestions(t *testing.T) {
	h := shoptest.Catalog(t, "2.15.0", catalog.DefaultConfig(), shoptest.Shelf{})
	shoptest.Get(t, h, "/v1/products?q=walnut+lamp", "")
	if w := shoptest.Get(t, h, "/v1/suggest?q=wal", ""); !strings.Contains(w.Body.String(), "walnut lamp") {
		t.Errorf("got %s", w.Body)
	}
	h = shoptest.Catalog(t, "2.13.1", catalog.DefaultConfig(), shoptest.Shelf{})
	if w := shoptest.Get(t, h, "/v1/suggest?q=wal", ""); w.Code != http.StatusNotFound {
		t.Errorf("2.13.1 suggests: %d", w.Code)
	}
}

func TestCatalogAnswersItsErrors(t *testing.T) {
	c := catalog.DefaultConfig()
	c.Database.QueryTimeout = 50 * time.Millisecond
	tests := []struct {
		name, path string
		store      shoptest.Shelf
		status     int
	}{
		{"database down", "/v1/featured", shoptest.Shelf{Err: errors.New("refused")}, 503},
		{"database slow", "/v1/featured", shoptest.Shelf{Wait: time.Minute}, 504},
		{"not ready", "/readyz", shoptest.Shelf{Err: errors.New("refused")}, 503},
		{"alive all the same", "/healthz", shoptest.Shelf{Err: errors.New("refused")}, 200},
		{"ready", "/readyz", shoptest.Shelf{}, 200},
		{"bad limit", "/v1/featured?limit=41", shoptest.Shelf{}, 400},
		{"limit zero", "/v1/products?q=a&limit=0", shoptest.Shelf{}, 400},
		{"no words", "/v1/products?q=%26", shoptest.Shelf{}, 400},
		{"bad id", "/v1/products/-1", shoptest.Shelf{}, 400},
		{"no such id", "/v1/products/999999", shoptest.Shelf{}, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if w := shoptest.Get(t, shoptest.Catalog(t, "2.13.1", c, tt.store), tt.path, ""); w.Code != tt.status {
				t.Errorf("%d %s; want %d", w.Code, w.Body, tt.status)
			}
		})
	}
}

func TestARequestGetsAnID(t *testing.T) {
	w := shoptest.Get(t, shoptest.Catalog(t, "2.13.1", catalog.DefaultConfig(), shoptest.Shelf{}), "/v1/featured", "")
	if len(w.Header().Get("X-Request-Id")) < 16 {
		t.Errorf("got %q", w.Header().Get("X-Request-Id"))
	}
}
