package catalog_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/shoptest"
)

// Two catalogs share what is cached; it is forgotten after its time; and without Redis
// both answer all the same, and soon.
func TestCache(t *testing.T) {
	redis := shoptest.StartRedis(t)
	c := catalog.DefaultConfig()
	c.Cache.Address, c.Cache.TTL, c.Cache.Timeout = redis.Address, 2*time.Second, 200*time.Millisecond
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
	redis.Stop()
	began := time.Now()
	if w := shoptest.Get(t, two, "/v1/products/7", ""); w.Code != 200 || w.Body.String() != page {
		t.Errorf("without Redis: %d", w.Code)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("without Redis a page takes %v", took)
	}
	lookups("error", 1)
}
