package shop_test

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"testing"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/shop/web"
	"faultlab/targets/traffic"
)

// Three releases keep memory for every ordinary request, on purpose:
//
//   - catalog 2.14.0: MemoKey takes in all X- headers, so X-Request-Id too. The
//     memo never hits, and with max_entries 0 it never forgets.
//   - catalog 2.15.0: Suggest.Learn appends what every answer shows and, with
//     max_entries 0, drops nothing, though older lines are never offered.
//   - web 5.9.0: Recorder.Record keeps every page, not only those somebody
//     asks to replay, and with max_entries 0 for ever.
//
// The bounds are those of a container of 48 to 64 MiB that has to die of it
// within half a minute at its share of 45 requests per second.
const (
	leakLow, leakHigh = 30 << 10, 60 << 10 // bytes of live heap per request
	flat              = 1 << 10
)

func TestGrowthOfLiveHeapPerRequest(t *testing.T) {
	tests := []struct {
		service, release string
		maxEntries       int
		low, high        float64
	}{
		{catalog.Name, "2.12.0", 0, -flat, flat},
		{catalog.Name, "2.13.1", 0, -flat, flat},
		{catalog.Name, "2.14.0", 0, leakLow, leakHigh},
		{catalog.Name, "2.14.0", 50, -flat, flat},
		{catalog.Name, "2.15.0", 0, leakLow, leakHigh},
		{catalog.Name, "2.15.0", 50, -flat, flat},
		{web.Name, "5.7.2", 0, -flat, flat},
		{web.Name, "5.8.0", 0, -flat, flat},
		{web.Name, "5.9.0", 0, leakLow, leakHigh},
		{web.Name, "5.9.0", 50, -flat, flat},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s max %d", tt.service, tt.release, tt.maxEntries), func(t *testing.T) {
			bound := service.BoundConfig{MaxEntries: tt.maxEntries}
			cc := catalog.DefaultConfig()
			cc.Memo, cc.Suggest = bound, bound
			var h http.Handler
			if tt.service == catalog.Name {
				h = shoptest.Catalog(t, tt.release, cc, shoptest.Shelf{})
			} else {
				wc := web.DefaultConfig()
				wc.Recorder = bound
				h = shoptest.Web(t, tt.release, wc, shoptest.Catalog(t, "2.13.1", cc, shoptest.Shelf{}))
			}
			got := growth(t, h, tt.service)
			t.Logf("%.1f KiB per request", got/1024)
			if got < tt.low || got > tt.high {
				t.Errorf("live heap grows by %.0f bytes per request; want %.0f to %.0f", got, tt.low, tt.high)
			}
		})
	}
}

// growth sends ordinary requests and measures what stays behind for each.
func growth(t *testing.T, h http.Handler, service string) float64 {
	t.Helper()
	const warm, measured = 200, 300
	plan := traffic.NewPlan(3, traffic.Shape{})
	send := func(n, from int) {
		for i := range n {
			next := plan.Next()
			for !slices.Contains([]string{traffic.Home, traffic.Search, traffic.Product}, next.Route) {
				next = plan.Next() // web and catalog keep nothing of the others
			}
			path := pathFor(service, next)
			if w := shoptest.Get(t, h, path, fmt.Sprintf("r-%d", from+i)); w.Code != http.StatusOK {
				t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
			}
		}
	}
	send(warm, 0)
	before := liveHeap()
	send(measured, warm)
	after := liveHeap()
	runtime.KeepAlive(h)
	return (float64(after) - float64(before)) / measured
}

func pathFor(service string, r traffic.Request) string {
	if service == web.Name {
		return r.Path()
	}
	switch r.Route {
	case traffic.Search:
		return "/v1" + "/products?limit=24&q=" + r.Path()[len("/search?q="):]
	case traffic.Product:
		return fmt.Sprintf("/v1/products/%d", r.ProductID)
	}
	return "/v1/featured?limit=10"
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
