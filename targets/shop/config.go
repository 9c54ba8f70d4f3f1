package shop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"go.yaml.in/yaml/v3"
)

// LogConfig says what a service logs besides failures.
type LogConfig struct {
	Level       string        `yaml:"level"`        // debug, info, warn or error; default info
	Slow        time.Duration `yaml:"slow"`         // requests from this duration on are logged; default 500ms
	SampleEvery int           `yaml:"sample_every"` // one of this many requests is logged; 0 = none; default 200
}

// CatalogClientConfig says how web calls the catalog.
type CatalogClientConfig struct {
	URL                string        `yaml:"url"`                  // default http://catalog.shop.internal:8081
	Timeout            time.Duration `yaml:"timeout"`              // of one attempt; 10ms to 60s, default 1s
	Retries            int           `yaml:"retries"`              // further attempts after a failed one; 0 to 10, default 0
	RetryBudgetPercent int           `yaml:"retry_budget_percent"` // retries at most this share of calls; 0 = no budget; default 0
	MaxIdleConns       int           `yaml:"max_idle_conns"`       // kept open; 1 to 1000, default 16
}

// WebConfig is the configuration file of web.
type WebConfig struct {
	Listen   string              `yaml:"listen"` // default ":8080"
	Log      LogConfig           `yaml:"log"`
	Catalog  CatalogClientConfig `yaml:"catalog"`
	Home     HomeConfig          `yaml:"home"`
	Search   SearchConfig        `yaml:"search"`
	Recorder BoundConfig         `yaml:"recorder"`
}

// HomeConfig is about the home page.
type HomeConfig struct {
	Featured int `yaml:"featured"` // products shown; 1 to 40, default 10
}

// SearchConfig is about the search page.
type SearchConfig struct {
	Limit int `yaml:"limit"` // products shown; 1 to 100, default 24
}

// BoundConfig bounds something kept in memory.
type BoundConfig struct {
	MaxEntries int `yaml:"max_entries"` // 0 = no limit; default 0
}

// DatabaseConfig says where PostgreSQL is.
type DatabaseConfig struct {
	Host           string        `yaml:"host"`            // name, address or socket directory; default db.shop.internal
	Port           int           `yaml:"port"`            // default 5432
	Name           string        `yaml:"name"`            // default shop
	User           string        `yaml:"user"`            // default shop
	Password       string        `yaml:"password"`        // default empty
	Pool           int           `yaml:"pool"`            // connections at most; 1 to 200, default 4
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // default 2s
	QueryTimeout   time.Duration `yaml:"query_timeout"`   // of one request's queries, waiting for a connection included; default 900ms
}

// CacheConfig is about the short-lived cache of the catalog.
type CacheConfig struct {
	MaxEntries int           `yaml:"max_entries"` // 0 = no cache; default 32
	TTL        time.Duration `yaml:"ttl"`         // default 10s
}

// CatalogConfig is the configuration file of catalog.
type CatalogConfig struct {
	Listen   string         `yaml:"listen"` // default ":8080"
	Log      LogConfig      `yaml:"log"`
	Database DatabaseConfig `yaml:"database"`
	Cache    CacheConfig    `yaml:"cache"`
	Memo     BoundConfig    `yaml:"memo"`
	Suggest  BoundConfig    `yaml:"suggest"`
}

// DefaultWebConfig is what an empty configuration file means.
func DefaultWebConfig() WebConfig {
	return WebConfig{
		Listen:  ":8080",
		Log:     defaultLogConfig(),
		Catalog: CatalogClientConfig{URL: "http://catalog.shop.internal:8081", Timeout: time.Second, MaxIdleConns: 16},
		Home:    HomeConfig{Featured: 10},
		Search:  SearchConfig{Limit: 24},
	}
}

// DefaultCatalogConfig is what an empty configuration file means.
func DefaultCatalogConfig() CatalogConfig {
	return CatalogConfig{
		Listen: ":8080",
		Log:    defaultLogConfig(),
		Database: DatabaseConfig{
			Host: "db.shop.internal", Port: 5432, Name: "shop", User: "shop",
			Pool: 4, ConnectTimeout: 2 * time.Second, QueryTimeout: 900 * time.Millisecond,
		},
		Cache: CacheConfig{MaxEntries: 32, TTL: 10 * time.Second},
	}
}

func defaultLogConfig() LogConfig {
	return LogConfig{Level: "info", Slow: 500 * time.Millisecond, SampleEvery: 200}
}

// LoadWebConfig reads a file over the defaults. Unknown keys are errors.
func LoadWebConfig(path string) (WebConfig, error) {
	c := DefaultWebConfig()
	if err := load(path, &c); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

// LoadCatalogConfig reads a file over the defaults. Unknown keys are errors.
func LoadCatalogConfig(path string) (CatalogConfig, error) {
	c := DefaultCatalogConfig()
	if err := load(path, &c); err != nil {
		return c, err
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

func load(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	return nil
}

// Validate checks every value against its range.
func (c WebConfig) Validate() error {
	u, err := url.Parse(c.Catalog.URL)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("catalog.url is %q; want http://host:port", c.Catalog.URL)
	}
	return errors.Join(
		c.Log.validate(),
		between("catalog.timeout", c.Catalog.Timeout, 10*time.Millisecond, time.Minute),
		between("catalog.retries", c.Catalog.Retries, 0, 10),
		between("catalog.retry_budget_percent", c.Catalog.RetryBudgetPercent, 0, 1000),
		between("catalog.max_idle_conns", c.Catalog.MaxIdleConns, 1, 1000),
		between("home.featured", c.Home.Featured, 1, 40),
		between("search.limit", c.Search.Limit, 1, 100),
		between("recorder.max_entries", c.Recorder.MaxEntries, 0, 10_000_000),
	)
}

// Validate checks every value against its range.
func (c CatalogConfig) Validate() error {
	return errors.Join(
		c.Log.validate(),
		between("database.port", c.Database.Port, 1, 65535),
		between("database.pool", c.Database.Pool, 1, 200),
		between("database.connect_timeout", c.Database.ConnectTimeout, 10*time.Millisecond, time.Minute),
		between("database.query_timeout", c.Database.QueryTimeout, 10*time.Millisecond, time.Minute),
		between("cache.max_entries", c.Cache.MaxEntries, 0, 10_000_000),
		between("cache.ttl", c.Cache.TTL, 0, 24*time.Hour),
		between("memo.max_entries", c.Memo.MaxEntries, 0, 10_000_000),
		between("suggest.max_entries", c.Suggest.MaxEntries, 0, 10_000_000),
	)
}

func (c LogConfig) validate() error {
	if _, err := c.level(); err != nil {
		return err
	}
	return errors.Join(
		between("log.slow", c.Slow, 0, time.Hour),
		between("log.sample_every", c.SampleEvery, 0, 1_000_000_000),
	)
}

func between[T int | time.Duration](key string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("%s is %v; want %v to %v", key, value, low, high)
	}
	return nil
}
