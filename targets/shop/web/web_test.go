package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/shop/web"
)

func goodCatalog(t *testing.T) http.Handler {
	return shoptest.Catalog(t, "2.13.1", catalog.DefaultConfig(), shoptest.Shelf{})
}

func TestPages(t *testing.T) {
	h := shoptest.Web(t, "5.8.0", web.DefaultConfig(), goodCatalog(t))
	tests := []struct {
		path     string
		status   int
		products int
		id       int64
	}{
		{"/", 200, 10, 0},
		{"/search?q=Walnut+lamp", 200, 24, 0},
		{"/product/77", 200, 0, 77},
		{"/product/60001", 404, 0, 0},
		{"/product/x", 400, 0, 0},
		{"/product/0", 400, 0, 0},
		{"/search?q=+", 400, 0, 0},
		{"/nothing", 404, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			w := shoptest.Get(t, h, tt.path, "id-1")
			var a api.Answer
			_ = json.Unmarshal(w.Body.Bytes(), &a)
			if w.Code != tt.status || len(a.Products) != tt.products || tt.id != 0 && (a.Product == nil || a.Product.ID != tt.id) {
				t.Errorf("%d, %d products, %+v", w.Code, len(a.Products), a.Product)
			}
			if w.Code != http.StatusOK {
				return
			}
			for name, want := range map[string]string{
				"X-Release": "5.8.0", "X-Region": "us", "X-Zone": "us-a", "X-Request-Id": "id-1", "Content-Type": "application/json",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q; want %q", name, got, want)
				}
			}
		})
	}
}

func TestRelatedProductsCameWith580(t *testing.T) {
	for release, want := range map[string]int{"5.7.2": 0, "5.8.0": 6} {
		var a api.Answer
		w := shoptest.Get(t, shoptest.Web(t, release, web.DefaultConfig(), goodCatalog(t)), "/product/77", "")
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || len(a.Related) != want {
			t.Errorf("%s: %d related (%v); want %d", release, len(a.Related), err, want)
		}
	}
}

func TestWhatTheCatalogGetsToKnow(t *testing.T) {
	var header http.Header
	var uri string
	h := shoptest.Web(t, "5.8.0", web.DefaultConfig(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header, uri = r.Header.Clone(), r.URL.RequestURI()
		service.Reply(w, http.StatusOK, api.Answer{Products: []api.Product{}})
	}))
	r := httptest.NewRequest(http.MethodGet, "/search?q=a%26limit%3D1", nil)
	r.Header.Set("X-Request-Id", "id-5")
	r.Header.Set("X-Tenant", "fjord")
	r.Header.Set("X-App-Version", "7.1")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if header.Get("X-Request-Id") != "id-5" || header.Get("X-Tenant") != "fjord" || header.Get("X-App-Version") != "7.1" {
		t.Errorf("headers: %v", header)
	}
	if uri != "/v1/products?q=a%26limit%3D1&limit=24" {
		t.Errorf("asked for %s", uri)
	}
}

func TestCatalogFailures(t *testing.T) {
	tests := []struct {
		name    string
		serve   http.HandlerFunc
		status  int
		problem string
		result  string
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, 502, "upstream_failed", "status"},
		{"504", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(504) }, 504, "upstream_timeout", "status"},
		{"hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 504, "upstream_timeout", "timeout"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, 502, "upstream_failed", "status"},
		{"a page of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("{}"))
		}, 502, "upstream_failed", "status"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, 502, "upstream_failed", "connect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := web.DefaultConfig()
			c.Catalog.Timeout = 100 * time.Millisecond
			s := shoptest.Web(t, "5.8.0", c, tt.serve)
			w := shoptest.Get(t, s, "/", "id-9")
			var p api.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tt.status || p.Error != tt.problem || p.RequestID != "id-9" {
				t.Errorf("%d %s (%v)", w.Code, w.Body, err)
			}
			text := shoptest.Get(t, s, "/metrics", "").Body.String()
			for _, want := range []string{
				`result="` + tt.result + `",service="web",upstream="catalog",zone="us-a"} 1`,
				fmt.Sprintf(`http_requests_total{code="%d",region="us",release="5.8.0",route="home",service="web",site="internal",zone="us-a"} 1`, tt.status),
			} {
				if !strings.Contains(text, want) {
					t.Errorf("metrics lack %s", want)
				}
			}
		})
	}
}

func TestCatalogIsGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := web.DefaultConfig()
	c.Catalog.URL = "http://" + l.Addr().String()
	_ = l.Close()
	s := shoptest.Service(web.Name, "5.8.0")
	if _, err := web.Build(context.Background(), s, &c); err != nil {
		t.Fatal(err)
	}
	if w := shoptest.Get(t, s.Handler(), "/", ""); w.Code != http.StatusBadGateway {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestRetries(t *testing.T) {
	tests := []struct {
		retries, budget int
		failures        int64 // of the first attempts
		status          int
		attempts        int64
	}{
		{0, 0, 1, 502, 1},
		{2, 0, 2, 200, 3},
		{2, 0, 3, 502, 3},
		{10, 1, 100, 502, 11}, // the savings of 10
	}
	for _, tt := range tests {
		var attempts atomic.Int64
		c := web.DefaultConfig()
		c.Catalog.Retries, c.Catalog.RetryBudgetPercent = tt.retries, tt.budget
		h := shoptest.Web(t, "5.8.0", c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if attempts.Add(1) <= tt.failures {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			service.Reply(w, http.StatusOK, api.Answer{Products: []api.Product{}})
		}))
		if w := shoptest.Get(t, h, "/", ""); w.Code != tt.status || attempts.Load() != tt.attempts {
			t.Errorf("%+v: %d after %d attempts", tt, w.Code, attempts.Load())
		}
		if tt.budget > 0 {
			before := attempts.Load()
			shoptest.Get(t, h, "/", "")
			if extra := attempts.Load() - before; extra != 1 {
				t.Errorf("%+v: %d attempts with the budget spent; want 1", tt, extra)
			}
		}
	}
}

func TestNotFoundIsNotRetried(t *testing.T) {
	var attempts atomic.Int64
	c := web.DefaultConfig()
	c.Catalog.Retries = 3
	h := shoptest.Web(t, "5.8.0", c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		service.Fail(w, r, http.StatusNotFound, "not_found", "")
	}))
	if w := shoptest.Get(t, h, "/product/5", ""); w.Code != http.StatusNotFound || attempts.Load() != 1 {
		t.Errorf("%d after %d attempts", w.Code, attempts.Load())
	}
}

func TestMetricsAndProfiles(t *testing.T) {
	h := shoptest.Web(t, "5.8.0", web.DefaultConfig(), goodCatalog(t))
	shoptest.Get(t, h, "/", "")
	text := shoptest.Get(t, h, "/metrics", "").Body.String()
	for _, want := range []string{
		`http_requests_total{code="200",region="us",release="5.8.0",route="home",service="web",site="internal",zone="us-a"} 1`,
		"http_request_duration_seconds_bucket", "http_requests_in_flight", "shop_build_info", "go_memstats_heap_alloc_bytes",
		`upstream_requests_total{region="us",release="5.8.0",result="ok",service="web",upstream="catalog",zone="us-a"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if w := shoptest.Get(t, h, "/debug/pprof/heap?debug=1", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "heap profile") {
		t.Errorf("heap profile: %d", w.Code)
	}
}

func TestRecorderReplaysThePage(t *testing.T) {
	c := web.DefaultConfig()
	c.Recorder.MaxEntries = 2
	h := shoptest.Web(t, "5.9.0", c, goodCatalog(t))
	page := shoptest.Get(t, h, "/product/7", "id-7").Body.String()
	shoptest.Get(t, h, "/product/8", "id-8")
	shoptest.Get(t, h, "/product/8", "id-8")
	if replay := shoptest.Get(t, h, "/debug/replay/id-7", ""); replay.Body.String() != page || replay.Header().Get("X-Replay-Of") != "/product/7" {
		t.Errorf("replay is not the page: %d", replay.Code)
	}
	shoptest.Get(t, h, "/product/9", "id-9")
	for id, want := range map[string]int{"id-7": 404, "id-8": 200, "id-9": 200} {
		if replay := shoptest.Get(t, h, "/debug/replay/"+id, ""); replay.Code != want {
			t.Errorf("%s: %d; want %d", id, replay.Code, want)
		}
	}
}
