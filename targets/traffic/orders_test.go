package traffic

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"
)

// What a user ordered is kept, and whether the user was told that it is paid.
func TestOrdersAreRemembered(t *testing.T) {
	var mu sync.Mutex
	got := map[string]order{} // by key, as the shop has them
	failing := map[string]bool{}
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/checkout" {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			var o order
			_ = json.Unmarshal(body, &o)
			mu.Lock()
			defer mu.Unlock()
			got[o.Key] = o
			if len(got)%3 == 0 {
				failing[o.Key] = true
				w.WriteHeader(http.StatusBadGateway)
			}
		}
		_, _ = io.WriteString(w, page(r))
	})
	seconds, err := read(record(t, Config{Edge: addr, Rate: 400, Seed: 3}, 1500*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	kept := 0
	for _, s := range seconds {
		for _, p := range s.Orders {
			kept++
			want := int64(100 * len(p.Lines))
			if failing[p.Key] {
				want = 0
			}
			if !reflect.DeepEqual(p.Lines, got[p.Key].Lines) || len(p.Lines) == 0 || p.Tenant == "" || p.TotalCents != want {
				t.Errorf("kept %+v; the shop has %+v, failed %v", p, got[p.Key], failing[p.Key])
			}
		}
	}
	if kept < 5 || len(failing) == 0 || kept != len(got) {
		t.Errorf("%d orders are kept; the shop has %d, %d of them failed", kept, len(got), len(failing))
	}
}
