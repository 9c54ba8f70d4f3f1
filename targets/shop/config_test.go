package shop

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEmptyConfigurationIsTheDefault(t *testing.T) {
	web, err := LoadWebConfig(write(t, ""))
	if err != nil || !reflect.DeepEqual(web, DefaultWebConfig()) {
		t.Errorf("web: %+v, %v", web, err)
	}
	catalog, err := LoadCatalogConfig(write(t, "# nothing\n"))
	if err != nil || !reflect.DeepEqual(catalog, DefaultCatalogConfig()) {
		t.Errorf("catalog: %+v, %v", catalog, err)
	}
}

func TestConfigurationIsRead(t *testing.T) {
	web, err := LoadWebConfig(write(t, "catalog: {timeout: 250ms, retries: 2, retry_budget_percent: 20}\nrecorder: {max_entries: 5}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultWebConfig()
	want.Catalog.Timeout, want.Catalog.Retries, want.Catalog.RetryBudgetPercent = 250*time.Millisecond, 2, 20
	want.Recorder.MaxEntries = 5
	if !reflect.DeepEqual(web, want) {
		t.Errorf("got %+v", web)
	}
	catalog, err := LoadCatalogConfig(write(t, "database: {password: x, pool: 9}\nmemo: {max_entries: 3}\nsuggest: {max_entries: 4}\n"))
	if err != nil || catalog.Database.Pool != 9 || catalog.Memo.MaxEntries != 3 || catalog.Suggest.MaxEntries != 4 {
		t.Errorf("got %+v, %v", catalog, err)
	}
}

func TestWrongConfigurationIsRefused(t *testing.T) {
	web := func(p string) error { _, err := LoadWebConfig(p); return err }
	catalog := func(p string) error { _, err := LoadCatalogConfig(p); return err }
	tests := []struct {
		load       func(string) error
		text, says string
	}{
		{web, "catalog: {timeouts: 1s}", "timeouts not found"},
		{web, "memo: {max_entries: 1}", "memo not found"},
		{web, "catalog: {timeout: 1ms}", "catalog.timeout is 1ms; want 10ms to 1m0s"},
		{web, "catalog: {retries: 11}", "catalog.retries is 11; want 0 to 10"},
		{web, "catalog: {retry_budget_percent: -1}", "want 0 to 1000"},
		{web, "catalog: {max_idle_conns: 0}", "want 1 to 1000"},
		{web, "catalog: {url: 'ftp://x'}", "want http://host:port"},
		{web, "home: {featured: 41}", "want 1 to 40"},
		{web, "search: {limit: 0}", "want 1 to 100"},
		{web, "recorder: {max_entries: -1}", "recorder.max_entries is -1"},
		{web, "log: {level: loud}", `log.level is "loud"; want debug`},
		{web, "log: {slow: -1s}", "log.slow"},
		{web, "log: {sample_every: -1}", "log.sample_every"},
		{web, "listen: [1", "did not find"},
		{catalog, "recorder: {max_entries: 1}", "recorder not found"},
		{catalog, "database: {pool: 0}", "database.pool is 0; want 1 to 200"},
		{catalog, "database: {port: 70000}", "want 1 to 65535"},
		{catalog, "database: {connect_timeout: 0s}", "database.connect_timeout"},
		{catalog, "database: {query_timeout: 2m}", "database.query_timeout is 2m0s; want 10ms to 1m0s"},
		{catalog, "cache: {max_entries: -1}", "cache.max_entries"},
		{catalog, "cache: {ttl: -1s}", "cache.ttl"},
		{catalog, "memo: {max_entries: -1}", "memo.max_entries"},
		{catalog, "suggest: {max_entries: -1}", "suggest.max_entries"},
	}
	for _, tt := range tests {
		if err := tt.load(write(t, tt.text)); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v; want %q", tt.text, err, tt.says)
		}
	}
	if err := web("/nonexistent/web.yaml"); err == nil {
		t.Error("a missing file is accepted")
	}
}

func TestReleases(t *testing.T) {
	for _, r := range Releases {
		if found, err := FindRelease(r.Service, r.Version); err != nil || found.Version != r.Version || len(r.Changes) == 0 {
			t.Errorf("%s %s: %+v, %v", r.Service, r.Version, found, err)
		}
	}
	_, err := FindRelease(WebService, "2.14.0")
	if err == nil || !strings.Contains(err.Error(), "want one of 5.7.2, 5.8.0, 5.9.0") {
		t.Errorf("got %v", err)
	}
}
