package shipping

import (
	"errors"
	"time"

	"faultlab/targets/shop/service"
)

// Name of the service.
const Name = "shipping"

// Releases are all releases, oldest first.
var Releases = []service.Release[struct{}]{
	{
		Version: "1.0.0",
		Changes: []string{
			"Added: paid orders are taken from the queue and handed to the warehouse",
			"Added: messages that cannot be handled are parked",
		},
	},
}

// Config is the configuration file of shipping.
type Config struct {
	service.Base `yaml:",inline"`
	Database     service.DatabaseConfig `yaml:"database"` // user default shipping; query_timeout is that of one message
	Queue        QueueConfig            `yaml:"queue"`
	Retry        RetryConfig            `yaml:"retry"`
}

// QueueConfig says how messages are taken.
type QueueConfig struct {
	service.QueueConfig `yaml:",inline"` // address default redis.shop.internal:6379
	Group               string           `yaml:"group"`       // of all workers together; default shipping
	Consumer            string           `yaml:"consumer"`    // name of this worker; default empty: the host's
	Batch               int              `yaml:"batch"`       // messages taken together at most; 1 to 1000, default 16
	Block               time.Duration    `yaml:"block"`       // wait for new ones; 10ms to 1m, default 250ms
	Concurrency         int              `yaml:"concurrency"` // messages worked on at the same time; 1 to 100, default 4
	Hold                int              `yaml:"hold"`        // messages in work, and between two attempts, at most; 1 to 100,000, default 1000
	Visibility          time.Duration    `yaml:"visibility"`  // after which what a worker holds is another's; 100ms to 24h, default 1m
	Stop                time.Duration    `yaml:"stop"`        // at the end, for what is in work; 0 to 1m, default 1s
}

// RetryConfig is about messages that cannot be handled. What fails because the database
// cannot be used is tried again without being counted.
type RetryConfig struct {
	Attempts   int           `yaml:"attempts"`    // after which a message is parked; 0 = never, up to 1000; default 5
	Deliveries int           `yaml:"deliveries"`  // parked unread when given out more often, as it may end its workers; 0 = never, up to 10,000; default 25
	Backoff    time.Duration `yaml:"backoff"`     // before the second attempt, doubled for each further one; 1ms to 1h, default 200ms
	MaxBackoff time.Duration `yaml:"max_backoff"` // 1ms to 24h, default 30s; above queue.visibility another worker may take the message meanwhile
}

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	database := service.DefaultDatabase()
	database.User = Name
	queue := service.DefaultQueue()
	queue.Address = "redis.shop.internal:6379"
	return Config{
		Base:     service.DefaultBase(),
		Database: database,
		Queue: QueueConfig{
			QueueConfig: queue, Group: Name, Batch: 16, Block: 250 * time.Millisecond, Concurrency: 4, Hold: 1000,
			Visibility: time.Minute, Stop: time.Second,
		},
		Retry: RetryConfig{Attempts: 5, Deliveries: 25, Backoff: 200 * time.Millisecond, MaxBackoff: 30 * time.Second},
	}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	var address, group error
	if c.Queue.Address == "" {
		address = errors.New("queue.address is empty; want host:port")
	}
	if c.Queue.Group == "" {
		group = errors.New("queue.group is empty; want the name of a group")
	}
	return errors.Join(
		c.Base.Validate(),
		c.Database.Validate(),
		address,
		c.Queue.Validate(),
		group,
		service.Between("queue.batch", c.Queue.Batch, 1, 1000),
		service.Between("queue.block", c.Queue.Block, 10*time.Millisecond, time.Minute),
		service.Between("queue.concurrency", c.Queue.Concurrency, 1, 100),
		service.Between("queue.hold", c.Queue.Hold, 1, 100_000),
		service.Between("queue.visibility", c.Queue.Visibility, 100*time.Millisecond, 24*time.Hour),
		service.Between("queue.stop", c.Queue.Stop, 0, time.Minute),
		service.Between("retry.attempts", c.Retry.Attempts, 0, 1000),
		service.Between("retry.deliveries", c.Retry.Deliveries, 0, 10_000),
		service.Between("retry.backoff", c.Retry.Backoff, time.Millisecond, time.Hour),
		service.Between("retry.max_backoff", c.Retry.MaxBackoff, time.Millisecond, 24*time.Hour),
	)
}
