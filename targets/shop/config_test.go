package shop_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/shoptest"
	"faultlab/targets/shop/web"
)

func loadWeb(path string) (web.Config, error) {
	c := web.DefaultConfig()
	return c, service.Load(path, &c)
}

func loadCatalog(path string) (catalog.Config, error) {
	c := catalog.DefaultConfig()
	return c, service.Load(path, &c)
}

func loadCheckout(path string) (checkout.Config, error) {
	c := checkout.DefaultConfig()
	return c, service.Load(path, &c)
}

func loadShipping(path string) (shipping.Config, error) {
	c := shipping.DefaultConfig()
	return c, service.Load(path, &c)
}

func loadReports(path string) (reports.Config, error) {
	c := reports.DefaultConfig()
	return c, service.Load(path, &c)
}

func TestEmptyConfigurationIsTheDefault(t *testing.T) {
	w, err := loadWeb(shoptest.File(t, ""))
	if err != nil || !reflect.DeepEqual(w, web.DefaultConfig()) {
		t.Errorf("web: %+v, %v", w, err)
	}
	c, err := loadCatalog(shoptest.File(t, "# nothing\n"))
	if err != nil || !reflect.DeepEqual(c, catalog.DefaultConfig()) {
		t.Errorf("catalog: %+v, %v", c, err)
	}
	if c, err := loadCheckout(shoptest.File(t, "")); err != nil || c.Queue.Address != "" {
		t.Errorf("checkout: %+v, %v; want no queue", c, err)
	}
	if c, err := loadShipping(shoptest.File(t, "")); err != nil || c != shipping.DefaultConfig() {
		t.Errorf("shipping: %+v, %v", c, err)
	}
	if c, err := loadReports(shoptest.File(t, "")); err != nil || c != reports.DefaultConfig() {
		t.Errorf("reports: %+v, %v", c, err)
	}
}

func TestConfigurationIsRead(t *testing.T) {
	w, err := loadWeb(shoptest.File(t, "catalog: {timeout: 250ms, retries: 2, retry_budget_percent: 20}\nrecorder: {max_entries: 5}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := web.DefaultConfig()
	want.Catalog.Timeout, want.Catalog.Retries, want.Catalog.RetryBudgetPercent = 250*time.Millisecond, 2, 20
	want.Recorder.MaxEntries = 5
	if !reflect.DeepEqual(w, want) {
		t.Errorf("got %+v", w)
	}
	c, err := loadCatalog(shoptest.File(t, "database: {password: x, pool: 9}\nmemo: {max_entries: 3}\nsuggest: {max_entries: 4}\n"))
	if err != nil || c.Database.Pool != 9 || c.Memo.MaxEntries != 3 || c.Suggest.MaxEntries != 4 {
		t.Errorf("got %+v, %v", c, err)
	}
	o, err := loadCheckout(shoptest.File(t, "queue: {address: 'redis:1', stream: s, timeout: 1s, every: 2s, batch: 7}\n"))
	if err != nil || o.Queue.Address != "redis:1" || o.Queue.Stream != "s" || o.Queue.Timeout != time.Second || o.Queue.Every != 2*time.Second || o.Queue.Batch != 7 {
		t.Errorf("got %+v, %v", o, err)
	}
	s, err := loadShipping(shoptest.File(t, "queue: {hold: 1, group: g, visibility: 2m, concurrency: 3}\nretry: {attempts: 0, max_backoff: 1h}\n"))
	if err != nil || s.Queue.Hold != 1 || s.Queue.Group != "g" || s.Queue.Visibility != 2*time.Minute || s.Retry.Attempts != 0 || s.Retry.MaxBackoff != time.Hour {
		t.Errorf("got %+v, %v", s, err)
	}
	r, err := loadReports(shoptest.File(t, "every: 30s\nstatement_timeout: 0s\nchunk: {size: 0, pause: 0s}\n"))
	if err != nil || r.Every != 30*time.Second || r.StatementTimeout != 0 || r.Chunk.Size != 0 || r.Chunk.Pause != 0 || r.Chunk.Retries != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	webs := func(p string) error { _, err := loadWeb(p); return err }
	catalogs := func(p string) error { _, err := loadCatalog(p); return err }
	checkouts := func(p string) error { _, err := loadCheckout(p); return err }
	shippings := func(p string) error { _, err := loadShipping(p); return err }
	reportses := func(p string) error { _, err := loadReports(p); return err }
	tests := []struct {
		load       func(string) error
		text, says string
	}{
		{webs, "catalog: {timeouts: 1s}", "timeouts not found"},
		{webs, "memo: {max_entries: 1}", "memo not found"},
		{webs, "catalog: {timeout: 1ms}", "catalog.timeout is 1ms; want 10ms to 1m0s"},
		{webs, "catalog: {retries: 11}", "catalog.retries is 11; want 0 to 10"},
		{webs, "catalog: {retry_budget_percent: -1}", "want 0 to 1000"},
		{webs, "catalog: {max_idle_conns: 0}", "want 1 to 1000"},
		{webs, "catalog: {url: 'ftp://x'}", "want http://host:port"},
		{webs, "home: {featured: 41}", "want 1 to 40"},
		{webs, "search: {limit: 0}", "want 1 to 100"},
		{webs, "recorder: {max_entries: -1}", "recorder.max_entries is -1"},
		{webs, "log: {level: loud}", `log.level is "loud"; want debug`},
		{webs, "log: {slow: -1s}", "log.slow"},
		{webs, "log: {sample_every: -1}", "log.sample_every"},
		{webs, "listen: [1", "did not find"},
		{catalogs, "recorder: {max_entries: 1}", "recorder not found"},
		{catalogs, "database: {pool: 0}", "database.pool is 0; want 1 to 200"},
		{catalogs, "database: {port: 70000}", "want 1 to 65535"},
		{catalogs, "database: {connect_timeout: 0s}", "database.connect_timeout"},
		{catalogs, "database: {query_timeout: 2m}", "database.query_timeout is 2m0s; want 10ms to 1m0s"},
		{catalogs, "cache: {timeout: 0s}", "cache.timeout"},
		{catalogs, "cache: {ttl: -1s}", "cache.ttl"},
		{catalogs, "memo: {max_entries: -1}", "memo.max_entries"},
		{catalogs, "suggest: {max_entries: -1}", "suggest.max_entries"},
		{checkouts, "queue: {stream: ''}", "queue.stream is empty"},
		{checkouts, "queue: {timeout: 0s}", "queue.timeout is 0s; want 10ms to 10s"},
		{checkouts, "queue: {every: 0s}", "queue.every"},
		{checkouts, "queue: {batch: 0}", "queue.batch is 0; want 1 to 10000"},
		{checkouts, "queue: {group: g}", "group not found"},
		{shippings, "queue: {address: ''}", "queue.address is empty; want host:port"},
		{shippings, "queue: {group: ''}", "queue.group is empty"},
		{shippings, "queue: {batch: 0}", "queue.batch is 0; want 1 to 1000"},
		{shippings, "queue: {block: 0s}", "queue.block"},
		{shippings, "queue: {concurrency: 0}", "queue.concurrency is 0; want 1 to 100"},
		{shippings, "queue: {hold: 0}", "queue.hold is 0; want 1 to 100000"},
		{shippings, "queue: {visibility: 1ms}", "queue.visibility"},
		{shippings, "queue: {stop: -1s}", "queue.stop"},
		{shippings, "retry: {attempts: -1}", "retry.attempts is -1; want 0 to 1000"},
		{shippings, "retry: {deliveries: -1}", "retry.deliveries"},
		{shippings, "retry: {backoff: 0s}", "retry.backoff"},
		{shippings, "retry: {max_backoff: 0s}", "retry.max_backoff"},
		{reportses, "database: {pool: 1}", "database.pool is 1; want 2 to 200"},
		{reportses, "every: 0s", "every is 0s; want 1s to 24h0m0s"},
		{reportses, "limit: 0s", "limit is 0s"},
		{reportses, "days: -1", "days is -1; want 0 to 3650"},
		{reportses, "top: -1", "top is -1"},
		{reportses, "statement_timeout: -1s", "statement_timeout"},
		{reportses, "chunk: {size: -1}", "chunk.size is -1"},
		{reportses, "chunk: {pause: -1s}", "chunk.pause"},
		{reportses, "chunk: {retries: -1}", "chunk.retries"},
	}
	for _, tt := range tests {
		if err := tt.load(shoptest.File(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v; want %q", tt.text, err, tt.says)
		}
	}
	if err := webs("/nonexistent/web.yaml"); err == nil {
		t.Error("a missing file is accepted")
	}
}

func TestReleases(t *testing.T) {
	for _, r := range shop.Releases() {
		if r.Service == "" || r.Version == "" || len(r.Changes) == 0 {
			t.Errorf("incomplete: %+v", r)
		}
	}
	if _, err := service.Find(web.Releases, web.Name, "5.9.0"); err != nil {
		t.Error(err)
	}
	_, err := service.Find(web.Releases, web.Name, "2.14.0")
	if err == nil || !strings.Contains(err.Error(), "want one of 5.7.2, 5.8.0, 5.9.0") {
		t.Errorf("got %v", err)
	}
}
