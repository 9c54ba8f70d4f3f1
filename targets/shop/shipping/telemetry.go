package shipping

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// telemetry counts what became of messages.
type telemetry struct {
	handled  *prometheus.CounterVec
	failed   *prometheus.CounterVec
	parked   prometheus.Counter
	duration prometheus.Histogram
	last     prometheus.Gauge
}

func newTelemetry() *telemetry {
	t := &telemetry{
		handled: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "messages_handled_total", Help: "Messages that are done, by result (shipped, or again: the order was shipped before).",
		}, []string{"result"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "messages_failed_total", Help: "Attempts that failed, by what was at fault (message, database, queue).",
		}, []string{"fault"}),
		parked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "messages_parked_total", Help: "Messages put aside because they cannot be handled.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "message_duration_seconds", Help: "Time of one attempt.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "last_success_timestamp_seconds", Help: "When this worker last was done with a message; 0: not since it started.",
		}),
	}
	t.handled.WithLabelValues("shipped")
	for _, fault := range []string{"message", "database", "queue"} {
		t.failed.WithLabelValues(fault)
	}
	return t
}

func (t *telemetry) collectors(q *queue) []prometheus.Collector {
	return []prometheus.Collector{t.handled, t.failed, t.parked, t.duration, t.last, &lag{queue: q}}
}

// lag asks the queue when it is scraped, so that it tells the truth also while nothing
// is taken. Without an answer it is not there, and queue_up is 0.
type lag struct{ queue *queue }

var (
	upDesc     = prometheus.NewDesc("queue_up", "1 if the queue answered.", nil, nil)
	countDesc  = prometheus.NewDesc("queue_lag_messages", "Messages that are not done, of all workers together.", nil, nil)
	oldestDesc = prometheus.NewDesc("queue_lag_seconds", "Age of the oldest message that is not done; 0: there is none.", nil, nil)
)

// Describe names the three.
func (l *lag) Describe(to chan<- *prometheus.Desc) {
	to <- upDesc
	to <- countDesc
	to <- oldestDesc
}

// Collect asks the queue.
func (l *lag) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	count, oldest, err := l.queue.lag(context.Background())
	if err != nil {
		gauge(upDesc, 0)
		return
	}
	gauge(upDesc, 1)
	gauge(countDesc, float64(count))
	gauge(oldestDesc, oldest.Seconds())
}
