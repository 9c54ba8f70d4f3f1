package catalog_test

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/shoptest"
)

// startRedis runs a Redis of its own and gives its port and what ends it.
func startRedis(t *testing.T, port string) (stop func()) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skip("redis-server is not installed; e.g. apt-get install redis-server")
	}
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	t.Cleanup(stop)
	for began := time.Now(); ; {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			return stop
		}
		if time.Since(began) > 10*time.Second {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Two catalogs share what is cached; it is forgotten after its time; and without Redis
// both answer all the same, and soon.
func TestCache(t *testing.T) {
	port := freePort(t)
	stop := startRedis(t, port)
	c := catalog.DefaultConfig()
	c.Cache.Address, c.Cache.TTL, c.Cache.Timeout = "127.0.0.1:"+port, 2*time.Second, 200*time.Millisecond
	one := shoptest.Catalog(t, "2.13.1", c, shoptest.Shelf{})
	two := shoptest.Catalog(t, "2.13.1", c, shoptest.Shelf{})
	lookups := func(result string, want int) {
		t.Helper()
		text := shoptest.Get(t, two, "/metrics", "").Body.String()
		if !strings.Contains(text, `cache_lookups_total{cache="redis",region="us",release="2.13.1",result="`+result+`",service="catalog",zone="us-a"} `+strconv.Itoa(want)+"\n") {
			t.Errorf("not %d lookups with result %s:\n%s", want, result, text)
		}
	}
	page := shoptest.Get(t, one, "/v1/products/7", "").Body.String()
	if again := shoptest.Get(t, two, "/v1/products/7", "").Body.String(); again != page {
		t.Errorf("another body: %s", again)
	}
	lookups("hit", 1)
	time.Sleep(c.Cache.TTL + 100*time.Millisecond)
	shoptest.Get(t, two, "/v1/products/7", "")
	lookups("miss", 1)
	stop()
	began := time.Now()
	if w := shoptest.Get(t, two, "/v1/products/7", ""); w.Code != 200 || w.Body.String() != page {
		t.Errorf("without Redis: %d", w.Code)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("without Redis a page takes %v", took)
	}
	lookups("error", 1)
}
