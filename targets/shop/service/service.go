// Package service is what the shop's services have in common: a configuration file,
// a JSON log, metrics, health and profiles, calls of other services, a stop that
// lets running requests end.
package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
)

// A stop takes at most drainTime + closeTime, which is below one second: first
// readyz tells the load balancer, then running requests get time to end.
const (
	drainTime = 300 * time.Millisecond
	closeTime = 600 * time.Millisecond
)

// Service is one process of the shop with its routes. Besides its own it answers
// /healthz (the process is there), /readyz (it can do its work), /metrics,
// /debug/pprof/ and /debug/alive.
type Service struct {
	ID      Identity
	Log     *slog.Logger
	Metrics prometheus.Registerer // registers with the identity as labels

	config   LogConfig
	mux      *http.ServeMux
	seen     *telemetry
	tracer   trace.Tracer
	ready    func(context.Context) error // nil: always ready
	stopping atomic.Bool
}

// New gives a service without routes of its own that logs to out. The configuration
// must have been validated.
func New(id Identity, c LogConfig, out io.Writer) *Service {
	s := &Service{ID: id, Log: newLogger(out, id, c), config: c, mux: http.NewServeMux(), tracer: noTracer}
	registry := prometheus.NewRegistry()
	s.Metrics, s.seen = newTelemetry(registry, id)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		Reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("GET /readyz", s.getReady)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true}))
	s.mux.HandleFunc("GET /debug/alive", alive)
	s.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	s.mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	s.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	s.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	s.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return s
}

// Handle adds a route. The pattern is one of [http.ServeMux]; the name is the
// request's route in metrics, logs and traces.
func (s *Service) Handle(pattern, name string, h http.HandlerFunc) {
	s.mux.Handle(pattern, s.route(pattern, name, h))
}

// HandleQuietly adds a route for operators, which is neither counted nor logged.
func (s *Service) HandleQuietly(pattern string, h http.HandlerFunc) { s.mux.HandleFunc(pattern, h) }

// ReadyWhen makes readyz say no while check gives an error.
func (s *Service) ReadyWhen(check func(context.Context) error) { s.ready = check }

// Handler answers for the service, for tests and for [Service.Serve].
func (s *Service) Handler() http.Handler { return s.mux }

func (s *Service) getReady(w http.ResponseWriter, r *http.Request) {
	err := errors.New("shutting down")
	if !s.stopping.Load() {
		if err = nil; s.ready != nil {
			err = s.ready(r.Context())
		}
	}
	if err != nil {
		Reply(w, http.StatusServiceUnavailable, map[string]string{"status": "not ready", "reason": err.Error()})
		return
	}
	Reply(w, http.StatusOK, map[string]string{"status": "ready"})
}

// Serve answers at an address such as ":8080" until ctx ends, then drains and closes
// within a second.
func (s *Service) Serve(ctx context.Context, listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return s.serveOn(ctx, l)
}

func (s *Service) serveOn(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      90 * time.Second, // longer than the longest upstream timeout
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	s.Log.Info("serving", "addr", listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	time.Sleep(drainTime)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		s.Log.Warn("requests were cut off by the stop", "err", err.Error())
		return errors.Join(server.Close())
	}
	s.Log.Info("stopped")
	return nil
}

// alive collects garbage and tells how many bytes are left. A heap profile tells it as
// well, but takes megabytes itself, which a container near its limit has not.
func alive(w http.ResponseWriter, _ *http.Request) {
	runtime.GC()
	runtime.GC() // pools of buffers outlive one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Fprintf(w, "%d\n", m.HeapAlloc)
}
