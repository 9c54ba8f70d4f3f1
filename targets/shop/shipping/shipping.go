// Package shipping takes paid orders from the queue and hands each to the warehouse, once.
package shipping

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/targets/shop/service"
)

// worker is one of those who take messages from the queue.
type worker struct {
	*service.Service
	config       Config
	queue        *queue
	store        *store
	seen         *telemetry
	databaseDown atomic.Bool // since the last attempt
}

// Build has a service take messages. It waits for neither the queue nor the database:
// until both answer, readyz says no.
func Build(ctx context.Context, on *service.Service, c *Config) (closing func(), err error) {
	if _, err := service.Find(Releases, Name, on.ID.Release); err != nil {
		return nil, err
	}
	name := c.Queue.Consumer
	if name == "" {
		if name, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("name of this worker: %w", err)
		}
	}
	pool, err := service.OpenDatabase(ctx, c.Database, Name)
	if err != nil {
		return nil, err
	}
	w := &worker{
		Service: on, config: *c, store: &store{pool}, seen: newTelemetry(),
		// One for the reader, one for the lag, one for readyz, and one for each message in work.
		queue: &queue{config: c.Queue, consumer: name, redis: service.OpenQueue(c.Queue.QueueConfig, Name, c.Queue.Concurrency+3)},
	}
	on.Metrics.MustRegister(append(service.PoolMetrics(pool.Pool), w.seen.collectors(w.queue)...)...)
	on.ReadyWhen(w.ready)
	var wg sync.WaitGroup
	taking, stop := context.WithCancel(ctx)
	wg.Go(func() { w.run(taking) })
	return func() {
		stop()
		wg.Wait()
		_ = w.queue.redis.Close()
		pool.Close()
	}, nil
}

func (w *worker) ready(ctx context.Context) error {
	asking, cancel := context.WithTimeout(ctx, w.config.Database.QueryTimeout)
	defer cancel()
	if err := w.store.pool.Ping(asking); err != nil {
		return errors.New("database does not answer")
	}
	asking, cancel = context.WithTimeout(ctx, w.config.Queue.Timeout)
	defer cancel()
	if err := w.queue.redis.Ping(asking).Err(); err != nil {
		return errors.New("queue does not answer")
	}
	return nil
}

// run takes messages until ctx ends, and begins anew when the queue fails.
func (w *worker) run(ctx context.Context) {
	for n := 0; ctx.Err() == nil; {
		began := time.Now()
		err := w.session(ctx)
		if err == nil {
			continue
		}
		w.Log.Error("queue", "err", err.Error())
		w.seen.failed.WithLabelValues("queue").Inc()
		if n++; time.Since(began) > 10*time.Second {
			n = 1
		}
		pause(ctx, jitter(backoff(100*time.Millisecond, 5*time.Second, n)))
	}
}
