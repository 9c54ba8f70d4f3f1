package checkout

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// relay sends what is in the outbox to the queue, at least once.
type relay struct {
	on      *service.Service
	config  QueueConfig
	timeout time.Duration // of the database's part of a round
	store   *store
	redis   *redis.Client

	sent, failures                  prometheus.Counter
	unsent, unhandled, oldest, last prometheus.Gauge
}

func newRelay(on *service.Service, c Config, s *store) *relay {
	set := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	count := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	r := &relay{
		on: on, config: c.Queue, timeout: c.Database.QueryTimeout, store: s,
		redis:     service.OpenQueue(c.Queue.QueueConfig, Name, 2),
		sent:      count("outbox_sent_total", "Messages that the queue took."),
		failures:  count("outbox_failures_total", "Rounds of the relay that failed."),
		unsent:    set("outbox_unsent", "Messages that the queue never got."),
		unhandled: set("outbox_unhandled", "Messages in the outbox: not sent, or sent and not handled yet."),
		oldest:    set("outbox_oldest_seconds", "Age of the oldest message in the outbox."),
		last:      set("outbox_last_success_timestamp_seconds", "When a round of the relay last went well."),
	}
	on.Metrics.MustRegister(r.sent, r.failures, r.unsent, r.unhandled, r.oldest, r.last)
	return r
}

// run relays until ctx ends. A round that has begun is finished.
func (r *relay) run(ctx context.Context) {
	defer r.redis.Close()
	tick := time.NewTicker(r.config.Every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := r.rounds(ctx)
		switch {
		case err != nil && !failing:
			r.on.Log.Error("outbox is not relayed", "err", err.Error())
		case err == nil && failing:
			r.on.Log.Info("outbox is relayed again")
		}
		if failing = err != nil; failing {
			r.failures.Inc()
		} else {
			r.last.SetToCurrentTime()
		}
		r.measure(ctx)
	}
}

// rounds relays until nothing is left.
func (r *relay) rounds(ctx context.Context) error {
	for {
		n, err := r.round(ctx)
		if err != nil || n < r.config.Batch || ctx.Err() != nil {
			return err
		}
	}
}

func (r *relay) round(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.timeout+2*r.config.Timeout)
	defer cancel()
	// First, so that no connection to the database waits for a queue that does not answer.
	run, err := service.QueueRun(ctx, r.redis)
	if err != nil {
		return 0, err
	}
	n, err := r.store.relayed(ctx, run, r.config.Batch, func(list []paidMessage) error { return r.send(ctx, list) })
	r.sent.Add(float64(n))
	return n, err
}

// send gives the queue all messages, or none.
func (r *relay) send(ctx context.Context, list []paidMessage) error {
	ends := make([]func(error), len(list))
	_, err := r.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i, m := range list {
			values := []string{api.OrderField, m.body}
			m.traceparent, ends[i] = r.on.Produce(ctx, "send "+r.config.Stream, m.traceparent)
			if m.traceparent != "" {
				values = append(values, service.TraceField, m.traceparent)
			}
			p.XAdd(ctx, &redis.XAddArgs{Stream: r.config.Stream, Values: values})
		}
		return nil
	})
	for _, end := range ends {
		end(err)
	}
	if err != nil {
		return fmt.Errorf("send to the queue: %w", err)
	}
	return nil
}

// measure keeps the last values when the database does not answer.
func (r *relay) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	b, err := r.store.backlog(ctx)
	if err != nil {
		return
	}
	r.unsent.Set(float64(b.unsent))
	r.unhandled.Set(float64(b.all))
	r.oldest.Set(b.oldest)
}
