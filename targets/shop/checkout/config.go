package checkout

import (
	"errors"
	"time"

	"faultlab/targets/shop/service"
)

// Name of the service.
const Name = "checkout"

// Config is the configuration file of checkout.
type Config struct {
	service.Base `yaml:",inline"`
	Database     service.DatabaseConfig `yaml:"database"`
	Payments     PaymentsConfig         `yaml:"payments"`
	Workers      PoolConfig             `yaml:"workers"` // orders worked on at the same time; max default 16, wait 500ms
	Settle       SettleConfig           `yaml:"settle"`
	Queue        QueueConfig            `yaml:"queue"`
}

// PaymentsConfig says how the partner is called: one, whose keys are here, or those
// that providers lists.
type PaymentsConfig struct {
	PartnerConfig `yaml:",inline"` // url default http://primary.payments.example:8080
	Failover      Failover         `yaml:"failover"`  // off, open-breaker or error; default open-breaker
	Deadline      time.Duration    `yaml:"deadline"`  // from 3.6.0 on: of a charge with all its attempts; 0 = none, up to 1m; default 0
	Providers     []ProviderConfig `yaml:"providers"` // in the order in which they are asked; default empty
}

// PartnerConfig says how one partner is called.
type PartnerConfig struct {
	service.UpstreamConfig `yaml:",inline"`
	APIKey                 string        `yaml:"api_key"` // default empty
	Breaker                BreakerConfig `yaml:"breaker"`
}

// BreakerConfig says when calls are given up before they are made.
type BreakerConfig struct {
	Failures int           `yaml:"failures"` // in a row that open it; 0 = no breaker, up to 1000; default 5
	OpenFor  time.Duration `yaml:"open_for"` // until one call is let through again; 100ms to 10m, default 5s
}

// SettleConfig is about orders whose payment is not known.
type SettleConfig struct {
	Every time.Duration `yaml:"every"` // how often they are looked for; 100ms to 1h, default 2s
	After time.Duration `yaml:"after"` // how old they must be; 0 to 1h, default 10s
}

// QueueConfig says who is told of paid orders. Without an address nobody is.
type QueueConfig struct {
	service.QueueConfig `yaml:",inline"` // address default empty
	Every               time.Duration    `yaml:"every"` // how often the outbox is looked into; 10ms to 1h, default 1s
	Batch               int              `yaml:"batch"` // messages sent together at most; 1 to 10,000, default 100
}

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	return Config{
		Base:     service.DefaultBase(),
		Database: service.DefaultDatabase(),
		Payments: PaymentsConfig{PartnerConfig: defaultPartner("http://primary.payments.example:8080")},
		Workers:  PoolConfig{Max: 16, Wait: 500 * time.Millisecond},
		Settle:   SettleConfig{Every: 2 * time.Second, After: 10 * time.Second},
		Queue:    QueueConfig{QueueConfig: service.DefaultQueue(), Every: time.Second, Batch: 100},
	}
}

func defaultPartner(url string) PartnerConfig {
	return PartnerConfig{
		UpstreamConfig: service.DefaultUpstream(url),
		Breaker:        BreakerConfig{Failures: 5, OpenFor: 5 * time.Second},
	}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	return errors.Join(
		c.Base.Validate(),
		c.Database.Validate(),
		c.Payments.Validate("payments"),
		service.Between("payments.deadline", c.Payments.Deadline, 0, time.Minute),
		c.Payments.validateProviders(),
		c.Workers.Validate("workers"),
		service.Between("settle.every", c.Settle.Every, 100*time.Millisecond, time.Hour),
		service.Between("settle.after", c.Settle.After, 0, time.Hour),
		c.Queue.Validate(),
		service.Between("queue.every", c.Queue.Every, 10*time.Millisecond, time.Hour),
		service.Between("queue.batch", c.Queue.Batch, 1, 10_000),
	)
}

// Validate checks every value against its range; key is the section.
func (c PartnerConfig) Validate(key string) error {
	return errors.Join(
		c.UpstreamConfig.Validate(key),
		service.Between(key+".breaker.failures", c.Breaker.Failures, 0, 1000),
		service.Between(key+".breaker.open_for", c.Breaker.OpenFor, 100*time.Millisecond, 10*time.Minute),
	)
}
