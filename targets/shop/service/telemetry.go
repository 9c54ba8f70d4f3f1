package service

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

// newLogger gives the JSON log of a service. The level has been validated.
func newLogger(w io.Writer, id Identity, c LogConfig) *slog.Logger {
	level, _ := c.level()
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})
	return slog.New(traceLog{h}).With("service", id.Service, "release", id.Release, "region", id.Region, "zone", id.Zone)
}

func (c LogConfig) level() (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return 0, fmt.Errorf("log.level is %q; want debug, info, warn or error", c.Level)
	}
	return level, nil
}

// telemetry counts and times the requests of one service.
type telemetry struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	served   atomic.Int64
}

// newTelemetry gives what counts a service's requests, and where it registers more:
// everything has the identity as labels, but for what the runtime tells.
func newTelemetry(registry *prometheus.Registry, id Identity) (prometheus.Registerer, *telemetry) {
	t := &telemetry{
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
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	own := prometheus.WrapRegistererWith(prometheus.Labels{
		"service": id.Service, "release": id.Release, "region": id.Region, "zone": id.Zone,
	}, registry)
	info := prometheus.NewGauge(prometheus.GaugeOpts{Name: "shop_build_info", Help: "Always 1; the labels say what runs."})
	info.Set(1)
	own.MustRegister(t.requests, t.duration, t.inFlight, info)
	return own, t
}

// route wraps a handler: request id, trace, identity headers, metrics, log line.
func (s *Service) route(pattern, name string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		requestID := r.Header.Get("X-Request-Id")
		if requestID == "" {
			requestID = rand.Text()
			r.Header.Set("X-Request-Id", requestID)
		}
		r, span := s.serverSpan(r, pattern, name, requestID)
		h := w.Header()
		h.Set("X-Request-Id", requestID)
		h.Set("X-Release", s.ID.Release)
		h.Set("X-Region", s.ID.Region)
		h.Set("X-Zone", s.ID.Zone)
		seen := &statusWriter{ResponseWriter: w}
		s.seen.inFlight.Inc()
		defer func() {
			s.seen.inFlight.Dec()
			status := cmp.Or(seen.status, http.StatusOK)
			s.finish(name, r, requestID, status, time.Since(began))
			answered(span, status)
		}()
		next(seen, r)
	})
}

func (s *Service) finish(route string, r *http.Request, requestID string, status int, took time.Duration) {
	s.seen.requests.WithLabelValues(route, strconv.Itoa(status), site(r.Host)).Inc()
	s.seen.duration.WithLabelValues(route).Observe(took.Seconds())
	n, every := s.seen.served.Add(1), int64(s.config.SampleEvery)
	level, msg := slog.LevelInfo, "request"
	switch {
	case status >= 500:
		level, msg = slog.LevelError, "request failed"
	case s.config.Slow > 0 && took >= s.config.Slow:
		level, msg = slog.LevelWarn, "slow request"
	case every == 0 || n%every != 0:
		return
	}
	s.Log.LogAttrs(r.Context(), level, msg,
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
