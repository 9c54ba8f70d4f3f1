package shop_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/service"
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

func TestEmptyConfigurationIsTheDefault(t *testing.T) {
	w, err := loadWeb(shoptest.File(t, ""))
	if err != nil || !reflect.DeepEqual(w, web.DefaultConfig()) {
		t.Errorf("web: %+v, %v", w, err)
	}
	c, err := loadCatalog(shoptest.File(t, "# nothing\n"))
	if err != nil || !reflect.DeepEqual(c, catalog.DefaultConfig()) {
		t.Errorf("catalog: %+v, %v", c, err)
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
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	webs := func(p string) error { _, err := loadWeb(p); return err }
	catalogs := func(p string) error { _, err := loadCatalog(p); return err }
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
