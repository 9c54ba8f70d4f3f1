package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func goodCatalog(t *testing.T) http.Handler {
	return testCatalog(t, "2.13.1", DefaultCatalogConfig(), shelf{}).handler()
}

func TestPages(t *testing.T) {
	h := testWeb(t, "5.8.0", DefaultWebConfig(), goodCatalog(t)).handler()
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
			w := get(t, h, tt.path, "id-1")
			var a Answer
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
	for release, want := range map[string]int{"5.7.2": 0, "5.8.0": relatedShown} {
		var a Answer
		w := get(t, testWeb(t, release, DefaultWebConfig(), goodCatalog(t)).handler(), "/product/77", "")
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || len(a.Related) != want {
			t.Errorf("%s: %d related (%v); want %d", release, len(a.Related), err, want)
		}
	}
}

func TestWhatTheCatalogGetsToKnow(t *testing.T) {
	var header http.Header
	var uri string
	h := testWeb(t, "5.8.0", DefaultWebConfig(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header, uri = r.Header.Clone(), r.URL.RequestURI()
		reply(w, http.StatusOK, Answer{Products: []Product{}})
	})).handler()
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
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		}, 502, "upstream_failed", "connect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := DefaultWebConfig()
			c.Catalog.Timeout = 100 * time.Millisecond
			s := testWeb(t, "5.8.0", c, tt.serve)
			w := get(t, s.handler(), "/", "id-9")
			var p Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != tt.status || p.Error != tt.problem || p.RequestID != "id-9" {
				t.Errorf("%d %s (%v)", w.Code, w.Body, err)
			}
			text := get(t, s.handler(), "/metrics", "").Body.String()
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
	s := testWeb(t, "5.8.0", DefaultWebConfig(), goodCatalog(t))
	s.catalog.config.URL = "http://" + l.Addr().String()
	_ = l.Close()
	if w := get(t, s.handler(), "/", ""); w.Code != http.StatusBadGateway {
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
		c := DefaultWebConfig()
		c.Catalog.Retries, c.Catalog.RetryBudgetPercent = tt.retries, tt.budget
		h := testWeb(t, "5.8.0", c, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if attempts.Add(1) <= tt.failures {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			reply(w, http.StatusOK, Answer{Products: []Product{}})
		})).handler()
		if w := get(t, h, "/", ""); w.Code != tt.status || attempts.Load() != tt.attempts {
			t.Errorf("%+v: %d after %d attempts", tt, w.Code, attempts.Load())
		}
		if tt.budget > 0 {
			before := attempts.Load()
			get(t, h, "/", "")
			if extra := attempts.Load() - before; extra != 1 {
				t.Errorf("%+v: %d attempts with the budget spent; want 1", tt, extra)
			}
		}
	}
}

func TestNotFoundIsNotRetried(t *testing.T) {
	var attempts atomic.Int64
	c := DefaultWebConfig()
	c.Catalog.Retries = 3
	h := testWeb(t, "5.8.0", c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		fail(w, r, http.StatusNotFound, "not_found", "")
	})).handler()
	if w := get(t, h, "/product/5", ""); w.Code != http.StatusNotFound || attempts.Load() != 1 {
		t.Errorf("%d after %d attempts", w.Code, attempts.Load())
	}
}

func TestCatalogAnswersItsErrors(t *testing.T) {
	c := DefaultCatalogConfig()
	c.Database.QueryTimeout = 50 * time.Millisecond
	tests := []struct {
		name, path string
		store      shelf
		status     int
	}{
		{"database down", "/v1/featured", shelf{err: errors.New("refused")}, 503},
		{"database slow", "/v1/featured", shelf{wait: time.Minute}, 504},
		{"not ready", "/readyz", shelf{err: errors.New("refused")}, 503},
		{"alive all the same", "/healthz", shelf{err: errors.New("refused")}, 200},
		{"ready", "/readyz", shelf{}, 200},
		{"bad limit", "/v1/featured?limit=41", shelf{}, 400},
		{"limit zero", "/v1/products?q=a&limit=0", shelf{}, 400},
		{"no words", "/v1/products?q=%26", shelf{}, 400},
		{"bad id", "/v1/products/-1", shelf{}, 400},
		{"no such id", "/v1/products/999999", shelf{}, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if w := get(t, testCatalog(t, "2.13.1", c, tt.store).handler(), tt.path, ""); w.Code != tt.status {
				t.Errorf("%d %s; want %d", w.Code, w.Body, tt.status)
			}
		})
	}
}

func TestMetricsAndProfiles(t *testing.T) {
	h := testWeb(t, "5.8.0", DefaultWebConfig(), goodCatalog(t)).handler()
	get(t, h, "/", "")
	text := get(t, h, "/metrics", "").Body.String()
	for _, want := range []string{
		`http_requests_total{code="200",region="us",release="5.8.0",route="home",service="web",site="internal",zone="us-a"} 1`,
		"http_request_duration_seconds_bucket", "http_requests_in_flight", "shop_build_info", "go_memstats_heap_alloc_bytes",
		`upstream_requests_total{region="us",release="5.8.0",result="ok",service="web",upstream="catalog",zone="us-a"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if w := get(t, h, "/debug/pprof/heap?debug=1", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "heap profile") {
		t.Errorf("heap profile: %d", w.Code)
	}
}
