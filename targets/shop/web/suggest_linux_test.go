package web_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/shop/web"
)

// Release 5.10.0 leaves the body of an answer open that is no 200: suggester.suggestions
// returns before it has asked for the close. A catalog before 2.15.0 answers 404, so every
// search costs web a connection, which stays in CLOSE_WAIT when the catalog's side closes.
func TestConnectionsThatSearchesLeaveBehind(t *testing.T) {
	const searches = 30
	for _, tt := range []struct {
		release, catalog string
		left             bool
	}{{"5.8.0", "2.13.1", false}, {"5.10.0", "2.13.1", true}, {"5.10.0", "2.15.0", false}} {
		t.Run(tt.release+" with catalog "+tt.catalog, func(t *testing.T) {
			server := httptest.NewUnstartedServer(shoptest.Catalog(t, tt.catalog, catalog.DefaultConfig(), shoptest.Shelf{}))
			server.Config.IdleTimeout = 100 * time.Millisecond
			server.Start()
			t.Cleanup(server.Close)
			_, port, err := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			c := web.DefaultConfig()
			c.Catalog.URL = server.URL
			on := shoptest.Service(web.Name, tt.release)
			if _, err := web.Build(t.Context(), on, &c); err != nil {
				t.Fatal(err)
			}
			before := openFiles(t)
			for i := range searches {
				w := shoptest.Get(t, on.Handler(), "/search?q="+url.QueryEscape(fmt.Sprintf("walnut lamp %d", i)), "")
				if w.Code != http.StatusOK {
					t.Fatalf("%d %s", w.Code, w.Body)
				}
			}
			want := 0
			if tt.left {
				want = searches
			}
			var waiting int
			for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
				if waiting = closeWait(t, port); waiting == want && openFiles(t)-before <= want+2 {
					break
				}
			}
			files := openFiles(t) - before
			if waiting != want || files > want+2 || files < want-2 {
				t.Errorf("%d connections in CLOSE_WAIT, %d more files, after %d searches; want %d", waiting, files, searches, want)
			}
			if tt.left {
				runtime.GC()
				dump := shoptest.Get(t, on.Handler(), "/debug/pprof/goroutine?debug=1", "").Body.String()
				if !strings.Contains(dump, "net/http.(*persistConn).readLoop") {
					t.Error("no goroutine keeps a connection")
				}
			}
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// closeWait counts connections to a port whose other side has closed.
func closeWait(t *testing.T, port string) (n int) {
	t.Helper()
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("/proc/self/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) > 3 && strings.HasSuffix(f[2], fmt.Sprintf(":%04X", number)) && f[3] == "08" {
			n++
		}
	}
	return n
}
