// Package reports sums up on a schedule what was sold: per region and day, and by product.
package reports

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"faultlab/targets/shop/service"
)

// reports is the batch job with its schedule.
type reports struct {
	*service.Service
	config   Config
	features features
	store    *store
	catalog  *service.Upstream // nil where the release does not call it

	runs                          *prometheus.CounterVec
	chunks, retries, fallbacks    prometheus.Counter
	running, last, duration, rows prometheus.Gauge
}

// Build has a service make reports on its schedule.
func Build(ctx context.Context, on *service.Service, c *Config) (closing func(), err error) {
	release, err := service.Find(Releases, Name, on.ID.Release)
	if err != nil {
		return nil, err
	}
	pool, err := service.OpenDatabase(ctx, c.Database, Name)
	if err != nil {
		return nil, err
	}
	s := &store{pool: pool}
	if c.Replica.Host != "" {
		if s.replica, err = openReplica(ctx, *c); err != nil {
			pool.Close()
			return nil, err
		}
	}
	set := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	count := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	r := &reports{
		Service: on, config: *c, features: release, store: s,
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "report_runs_total", Help: "Runs, by result (ok, failed, or skipped: another one was running).",
		}, []string{"result"}),
		chunks:    count("report_chunks_total", "Chunks of orders that were read."),
		fallbacks: count("report_replica_fallbacks_total", "Runs that read orders from the database because the replica was away or behind."),
		retries:   count("report_chunk_retries_total", "Attempts at a chunk beyond the first."),
		running:   set("report_running", "1 while a run goes on here."),
		last:      set("report_last_success_timestamp_seconds", "When a run last ended well; 0: never."),
		duration:  set("report_last_duration_seconds", "Time the last run took that ended well."),
		rows:      set("report_last_rows", "Rows the last run wrote that ended well."),
	}
	if release.featured {
		r.catalog = service.NewUpstream("catalog", c.Featured.Catalog, on.Metrics)
	}
	for _, result := range []string{ok, failed, skipped} {
		r.runs.WithLabelValues(result)
	}
	on.Metrics.MustRegister(append(service.PoolMetrics(pool.Pool), r.runs, r.chunks, r.retries, r.fallbacks, r.running, r.last, r.duration, r.rows)...)
	on.ReadyWithDatabase(c.Database, pool.Ping)
	waking, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.wake(waking) })
	return func() {
		stop()
		wg.Wait()
		pool.Close()
		if s.replica != nil {
			s.replica.Close()
		}
	}, nil
}

// The results of a run.
const (
	ok      = "ok"
	failed  = "failed"
	skipped = "skipped"
)

// wake makes a report at each time of the schedule until ctx ends. A time that passes
// during a run is left out.
func (r *reports) wake(ctx context.Context) {
	known := r.recall(ctx)
	var at time.Time
	for {
		now := time.Now()
		if now.Before(at) { // the clock was set back a little
			now = at
		}
		at = next(now, r.config.Every)
		for !known && time.Until(at) > time.Second && pause(ctx, time.Second) == nil {
			known = r.recall(ctx)
		}
		if pause(ctx, time.Until(at)) != nil {
			return
		}
		r.run(ctx)
		known = true
	}
}

// next is the first time after now that is a multiple of every since midnight UTC. What
// does not divide a day begins anew at midnight.
func next(now time.Time, every time.Duration) time.Time {
	now = now.UTC()
	midnight := now.Truncate(24 * time.Hour)
	at := midnight.Add(now.Sub(midnight).Truncate(every) + every)
	if tomorrow := midnight.Add(24 * time.Hour); at.After(tomorrow) {
		return tomorrow
	}
	return at
}

// recall sets the metrics to what they were before the service was started, and says
// whether it could.
func (r *reports) recall(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, r.config.Database.QueryTimeout)
	defer cancel()
	past, err := r.store.last(ctx)
	if err != nil {
		return false
	}
	if !past.finished.IsZero() {
		r.last.Set(float64(past.finished.UnixMilli()) / 1000)
		r.duration.Set(past.finished.Sub(past.started).Seconds())
		r.rows.Set(float64(past.rows))
	}
	return true
}

// run makes one report and tells how it went.
func (r *reports) run(ctx context.Context) {
	began := time.Now()
	r.running.Set(1)
	ctx, end := r.Root(ctx, "report")
	rows, err := r.report(ctx)
	end(err)
	r.running.Set(0)
	took := time.Since(began)
	switch {
	case errors.Is(err, errRunning):
		r.runs.WithLabelValues(skipped).Inc()
		r.Log.WarnContext(ctx, "report skipped", "err", err.Error())
	case err != nil:
		r.runs.WithLabelValues(failed).Inc()
		r.Log.ErrorContext(ctx, "report failed", "err", err.Error(), "ms", took.Milliseconds())
	default:
		r.runs.WithLabelValues(ok).Inc()
		r.last.SetToCurrentTime()
		r.duration.Set(took.Seconds())
		r.rows.Set(float64(rows))
		r.Log.InfoContext(ctx, "report made", "rows", rows, "ms", took.Milliseconds())
	}
}
