package reports

import (
	"errors"
	"time"

	"faultlab/targets/shop/service"
)

// Name of the service.
const Name = "reports"

// Config is the configuration file of reports.
type Config struct {
	service.Base     `yaml:",inline"`
	Database         service.DatabaseConfig `yaml:"database"`          // user default reports, pool default 2
	Every            time.Duration          `yaml:"every"`             // between the beginnings of two runs, which are multiples of it since midnight UTC; 1s to 24h, default 1h
	Limit            time.Duration          `yaml:"limit"`             // of a run; 1s to 24h, default 15m
	Days             int                    `yaml:"days"`              // that are reported, today included; 0 = all there are, up to 3650; default 2
	Top              int                    `yaml:"top"`               // products of a day; 0 to 1000, default 10
	StatementTimeout time.Duration          `yaml:"statement_timeout"` // by the server; 0 = none, up to 24h; default 2s
	Replica          ReplicaConfig          `yaml:"replica"`
	Chunk            ChunkConfig            `yaml:"chunk"`
	Featured         FeaturedConfig         `yaml:"featured"`
}

// ChunkConfig says how orders are read, so that others get their turn.
type ChunkConfig struct {
	Size    int           `yaml:"size"`    // order ids in one statement; 0 = all in one, up to 1,000,000,000; default 1000
	Pause   time.Duration `yaml:"pause"`   // after each chunk; 0 to 1m, default 100ms
	Retries int           `yaml:"retries"` // of a chunk whose statement was ended by a timeout or a deadlock; 0 to 100, default 2
}

// DefaultConfig is what an empty configuration file means.
func DefaultConfig() Config {
	database := service.DefaultDatabase()
	database.User, database.Pool = Name, 2
	return Config{
		Base:     service.DefaultBase(),
		Database: database,
		Every:    time.Hour, Limit: 15 * time.Minute, Days: 2, Top: 10, StatementTimeout: 2 * time.Second,
		Replica:  ReplicaConfig{Port: 5432, Wait: 5 * time.Second},
		Chunk:    ChunkConfig{Size: 1000, Pause: 100 * time.Millisecond, Retries: 2},
		Featured: FeaturedConfig{Catalog: service.DefaultUpstream("http://catalog.shop.internal:8081"), Wait: 30 * time.Second},
	}
}

// Validate checks every value against its range.
func (c Config) Validate() error {
	return errors.Join(
		c.Base.Validate(),
		c.Database.Validate(),
		service.Between("database.pool", c.Database.Pool, 2, 200), // one has the lock, one writes what became of a run
		service.Between("every", c.Every, time.Second, 24*time.Hour),
		service.Between("limit", c.Limit, time.Second, 24*time.Hour),
		service.Between("days", c.Days, 0, 3650),
		service.Between("top", c.Top, 0, 1000),
		service.Between("statement_timeout", c.StatementTimeout, 0, 24*time.Hour),
		service.Between("replica.port", c.Replica.Port, 1, 65535),
		service.Between("replica.wait", c.Replica.Wait, 0, time.Minute),
		service.Between("chunk.size", c.Chunk.Size, 0, 1_000_000_000),
		service.Between("chunk.pause", c.Chunk.Pause, 0, time.Minute),
		service.Between("chunk.retries", c.Chunk.Retries, 0, 100),
		c.Featured.Catalog.Validate("featured.catalog"),
		service.Between("featured.wait", c.Featured.Wait, time.Second, time.Hour),
	)
}
