package catalog

import (
	"errors"

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

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	return Config{
		Base:     service.DefaultBase(),
		Database: service.DefaultDatabase(),
		Cache:    DefaultCache(),
	}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	return errors.Join(
		c.Base.Validate(),
		c.Database.Validate(),
		c.Cache.Validate(),
		c.Memo.Validate("memo"),
		c.Suggest.Validate("suggest"),
	)
}
