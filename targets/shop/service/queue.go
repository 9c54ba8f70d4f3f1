package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// QueueConfig says where the queue of paid orders is: a stream in Redis, which must not
// evict it (maxmemory-policy volatile-lru, say, or noeviction).
type QueueConfig struct {
	Address string        `yaml:"address"` // host:port; empty: no queue
	Stream  string        `yaml:"stream"`  // default orders
	Timeout time.Duration `yaml:"timeout"` // of a command, connecting included; 10ms to 10s, default 500ms
}

// DefaultQueue is what a configuration without a queue section means, but for the address.
func DefaultQueue() QueueConfig {
	return QueueConfig{Stream: "orders", Timeout: 500 * time.Millisecond}
}

// Validate checks every value against its range.
func (c QueueConfig) Validate() error {
	var name error
	if c.Stream == "" {
		name = errors.New("queue.stream is empty; want the name of a stream")
	}
	return errors.Join(name, Between("queue.timeout", c.Timeout, 10*time.Millisecond, 10*time.Second))
}

// OpenQueue gives a client with up to pool connections that bear the application's name.
// It does not connect, and no command is tried twice: its user knows what may be repeated.
func OpenQueue(c QueueConfig, application string, pool int) *redis.Client {
	client := redis.NewClient(&redis.Options{
		Addr: c.Address, ClientName: application, PoolSize: pool, Protocol: 2, DisableIdentity: true,
		DialTimeout: c.Timeout, ReadTimeout: c.Timeout, WriteTimeout: c.Timeout, PoolTimeout: c.Timeout,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true,
		ConnMaxLifetime: 10 * time.Minute, // so that connections follow the name to a new address
	})
	client.AddHook(CommandTrace{})
	return client
}

// QueueRun tells which run of Redis answers: another one may have lost what was sent to
// the one before.
func QueueRun(ctx context.Context, r *redis.Client) (string, error) {
	text, err := r.Info(ctx, "server").Result()
	if err != nil {
		return "", fmt.Errorf("ask the queue who it is: %w", err)
	}
	for line := range strings.Lines(text) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "run_id:"); ok && id != "" {
			return id, nil
		}
	}
	return "", errors.New("the queue does not say its run_id")
}
