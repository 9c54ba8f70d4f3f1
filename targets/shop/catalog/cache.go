package catalog

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"faultlab/targets/shop/service"
)

// CacheConfig is about the short-lived cache of finished answers, in Redis.
type CacheConfig struct {
	Address string        `yaml:"address"` // host:port; empty: no cache; default redis.shop.internal:6379
	TTL     time.Duration `yaml:"ttl"`     // 0 = no cache, up to 24h; default 10s
	Timeout time.Duration `yaml:"timeout"` // of a lookup, connecting included; 1ms to 10s, default 50ms
	Pool    int           `yaml:"pool"`    // connections at most; 1 to 200, default 8
}

// DefaultCache is what a configuration without a cache section means.
func DefaultCache() CacheConfig {
	return CacheConfig{Address: "redis.shop.internal:6379", TTL: 10 * time.Second, Timeout: 50 * time.Millisecond, Pool: 8}
}

// Validate checks every value against its range.
func (c CacheConfig) Validate() error {
	return errors.Join(
		service.Between("cache.ttl", c.TTL, 0, 24*time.Hour),
		service.Between("cache.timeout", c.Timeout, time.Millisecond, 10*time.Second),
		service.Between("cache.pool", c.Pool, 1, 200),
	)
}

// cache keeps finished answers for a short time, for all catalogs together. Without it
// answers are made anew: a failure of it is a miss.
type cache struct {
	config CacheConfig
	redis  *redis.Client // nil: none
}

func openCache(c CacheConfig) *cache {
	if c.Address == "" || c.TTL == 0 {
		return &cache{}
	}
	r := redis.NewClient(&redis.Options{
		Addr: c.Address, ClientName: Name, PoolSize: c.Pool, Protocol: 2, DisableIdentity: true,
		DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, PoolTimeout: c.Timeout,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		ConnMaxLifetime: 10 * time.Minute, // so that connections follow the name to a new address
	})
	r.AddHook(service.CommandTrace{})
	return &cache{config: c, redis: r}
}

// The results of a lookup.
const (
	hit     = "hit"
	miss    = "miss"
	broken  = "error"
	unasked = "" // there is no cache
)

// get gives the body that is kept under a key, and how the lookup went.
func (c *cache) get(ctx context.Context, key string) ([]byte, string) {
	if c.redis == nil {
		return nil, unasked
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	body, err := c.redis.Get(ctx, keyPrefix+key).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, miss
	case err != nil:
		return nil, broken
	}
	return body, hit
}

// put keeps a body. When that fails, the next one asks the database again.
func (c *cache) put(ctx context.Context, key string, body []byte) {
	if c.redis == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	_ = c.redis.Set(ctx, keyPrefix+key, body, c.config.TTL).Err() // counted by the next lookup
}

func (c *cache) close() {
	if c.redis != nil {
		_ = c.redis.Close()
	}
}

// keyPrefix is that of the catalog's keys.
const keyPrefix = "catalog:"
