package traffic

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// Each user comes over one version of IP, and over IPv4 where there is no other way in.
func TestWaysIn(t *testing.T) {
	serve := func(served *atomic.Int64) string {
		return edge(t, func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			_, _ = io.WriteString(w, page(r))
		})
	}
	var by4, by6 atomic.Int64
	edge4, edge6 := serve(&by4), serve(&by6)
	for _, six := range []string{edge6, ""} {
		by4.Store(0)
		by6.Store(0)
		seconds, err := read(record(t, Config{Edge: edge4, Edge6: six, Rate: 300, Seed: 1}, time.Second))
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]int64{}
		for _, s := range seconds {
			for _, seg := range s.Segments {
				n[seg.Who.IP] += int64(seg.N)
			}
		}
		if n[IPv4] != by4.Load() || n[IPv6] != by6.Load() || n[IPv4] < 100 || (n[IPv6] > 50) != (six != "") || len(n) > 2 {
			t.Errorf("with edge6 %q: %v came, %d and %d were served", six, n, by4.Load(), by6.Load())
		}
	}
}
