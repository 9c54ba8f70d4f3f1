package catalog

import (
	"errors"
	"time"

	"faultlab/targets/shop/service"
)

// Config is the configuration file of catalog.
type Config struct {
	service.Base `yaml:",inline"`
	Database     service.DatabaseConfig `yaml:"database"`
	Cache        CacheConfig            `yaml:"cache"`
	Memo         service.BoundConfig    `yaml:"memo"`
	Suggest      service.BoundConfig    `yaml:"suggest"`
}

// CacheConfig is about the short-lived cache.
type CacheConfig struct {
	MaxEntries int           `yaml:"max_entries"` // 0 = no cache; default 32
	TTL        time.Duration `yaml:"ttl"`         // default 10s
}

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	return Config{
		Base:     service.DefaultBase(),
		Database: service.DefaultDatabase(),
		Cache:    CacheConfig{MaxEntries: 32, TTL: 10 * time.Second},
	}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	return errors.Join(
		c.Log.Validate(),
		c.Database.Validate(),
		service.Between("cache.max_entries", c.Cache.MaxEntries, 0, 10_000_000),
		service.Between("cache.ttl", c.Cache.TTL, 0, 24*time.Hour),
		c.Memo.Validate("memo"),
		c.Suggest.Validate("suggest"),
	)
}
