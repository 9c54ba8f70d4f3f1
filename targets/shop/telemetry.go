package shop

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Identity says which process this is: it is in every log line, in the labels
// of the shop's own metrics, and in the headers of every answer.
type Identity struct {
	Service string
	Release string
	Region  string // us, eu or ap; empty for services that serve all
	Zone    string // e.g. us-a
}

// IdentityFromEnv reads SHOP_RELEASE, REGION and ZONE.
func IdentityFromEnv(service string, getenv func(string) string) Identity {
	return Identity{Service: service, Release: getenv("SHOP_RELEASE"), Region: getenv("REGION"), Zone: getenv("ZONE")}
}

// NewLogger gives the JSON log of a service. The level has been validated.
func NewLogger(w io.Writer, id Identity, c LogConfig) *slog.Logger {
	level, _ := c.level()
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	return slog.New(h).With("service", id.Service, "release", id.Release, "region", id.Region, "zone", id.Zone)
}

func (c LogConfig) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return 0, fmt.Errorf("log.level is %q; want debug, info, warn or error", c.Level)
	}
	return level, nil
}

// telemetry counts, times and logs the requests of one service.
type telemetry struct {
	id       Identity
	log      *slog.Logger
	config   LogConfig
	registry *prometheus.Registry
	own      prometheus.Registerer // registers with the identity as labels
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	served   atomic.Int64
}

func newTelemetry(id Identity, log *slog.Logger, c LogConfig) *telemetry {
	t := &telemetry{
		id: id, log: log, config: c,
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests answered, by route, status code and the site they were sent to.",
		}, []string{"route", "code", "site"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to answer a request, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "http_requests_in_flight", Help: "Requests being answered now.",
		}),
	}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	t.own = prometheus.WrapRegistererWith(prometheus.Labels{
		"service": id.Service, "release": id.Release, "region": id.Region, "zone": id.Zone,
	}, t.registry)
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "shop_build_info", Help: "Always 1; the labels say what runs."})
	info.Set(1)
	t.own.MustRegister(t.requests, t.duration, t.inFlight, info)
	return t
}

// route wraps a handler: request id, identity headers, metrics, log line.
func (t *telemetry) route(name string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		requestID := r.Header.Get("X-Request-Id")
		if requestID == "" {
			requestID = rand.Text()
			r.Header.Set("X-Request-Id", requestID)
		}
		h := w.Header()
		h.Set("X-Request-Id", requestID)
		h.Set("X-Release", t.id.Release)
		h.Set("X-Region", t.id.Region)
		h.Set("X-Zone", t.id.Zone)
		seen := &statusWriter{ResponseWriter: w}
		t.inFlight.Inc()
		defer func() {
			t.inFlight.Dec()
			t.finish(name, r, requestID, cmp.Or(seen.status, http.StatusOK), time.Since(began))
		}()
		next(seen, r)
	})
}

func (t *telemetry) finish(route string, r *http.Request, requestID string, status int, took time.Duration) {
	t.requests.WithLabelValues(route, strconv.Itoa(status), site(r.Host)).Inc()
	t.duration.WithLabelValues(route).Observe(took.Seconds())
	n, every := t.served.Add(1), int64(t.config.SampleEvery)
	level, msg := slog.LevelInfo, "request"
	switch {
	case status >= 500:
		level, msg = slog.LevelError, "request failed"
	case t.config.Slow > 0 && took >= t.config.Slow:
		level, msg = slog.LevelWarn, "slow request"
	case every == 0 || n%every != 0:
		return
	}
	t.log.LogAttrs(r.Context(), level, msg,
		slog.String("route", route), slog.Int("status", status),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("request_id", requestID), slog.String("path", r.URL.RequestURI()),
		slog.String("tenant", r.Header.Get("X-Tenant")), slog.String("app_version", r.Header.Get("X-App-Version")))
}

// site is the users' site that a request was sent to: us, eu or ap by the host it
// names, or internal.
func site(host string) string {
	switch first, _, _ := strings.Cut(host, "."); first {
	case "us", "eu", "ap":
		return first
	}
	return "internal"
}

// statusWriter notes the status code.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
