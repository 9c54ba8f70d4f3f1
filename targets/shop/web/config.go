package web

import (
	"errors"
	"time"

	"faultlab/targets/shop/service"
)

// Config is the configuration file of web.
type Config struct {
	service.Base `yaml:",inline"`
	Catalog      service.UpstreamConfig `yaml:"catalog"`  // url default http://catalog.shop.internal:8081
	Checkout     service.UpstreamConfig `yaml:"checkout"` // url default http://checkout.shop.internal:8082, timeout 2s
	Home         HomeConfig             `yaml:"home"`
	Search       SearchConfig           `yaml:"search"`
	Upload       UploadConfig           `yaml:"upload"`
	Recorder     service.BoundConfig    `yaml:"recorder"`
}

// HomeConfig is about the home page.
type HomeConfig struct {
	Featured int `yaml:"featured"` // products shown; 1 to 40, default 10
}

// SearchConfig is about the search page.
type SearchConfig struct {
	Limit int `yaml:"limit"` // products shown; 1 to 100, default 24
}

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	checkout := service.DefaultUpstream("http://checkout.shop.internal:8082")
	checkout.Timeout = 2 * time.Second
	return Config{
		Base:     service.DefaultBase(),
		Catalog:  service.DefaultUpstream("http://catalog.shop.internal:8081"),
		Checkout: checkout,
		Home:     HomeConfig{Featured: 10},
		Search:   SearchConfig{Limit: 24},
		Upload:   UploadConfig{MaxKiB: 1024},
	}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	return errors.Join(
		c.Base.Validate(),
		c.Catalog.Validate("catalog"),
		c.Checkout.Validate("checkout"),
		service.Between("home.featured", c.Home.Featured, 1, 40),
		service.Between("search.limit", c.Search.Limit, 1, 100),
		service.Between("upload.max_kib", c.Upload.MaxKiB, 1, 65536),
		c.Recorder.Validate("recorder"),
	)
}
