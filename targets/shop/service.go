// Package shop holds the services of the sample shop: web, which the users
// call, and catalog, which web calls and which reads PostgreSQL.
package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A stop takes at most drainTime + closeTime, which is below one second: first
// readyz tells the load balancer, then running requests get time to end.
const (
	drainTime = 300 * time.Millisecond
	closeTime = 600 * time.Millisecond
)

// lifecycle is what readyz answers from.
type lifecycle struct {
	stopping atomic.Bool
	check    func(context.Context) error // nil: always ready
}

func (l *lifecycle) ready(ctx context.Context) error {
	if l.stopping.Load() {
		return errors.New("shutting down")
	}
	if l.check == nil {
		return nil
	}
	return l.check(ctx)
}

// operations adds what every service has besides its own routes.
func operations(mux *http.ServeMux, l *lifecycle, t *telemetry) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		reply(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := l.ready(r.Context()); err != nil {
			reply(w, http.StatusServiceUnavailable, map[string]string{"status": "not ready", "reason": err.Error()})
			return
		}
		reply(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{DisableCompression: true}))
	mux.HandleFunc("GET /debug/alive", alive)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

// serve answers until ctx ends, then drains and closes within a second.
func serve(ctx context.Context, listen string, h http.Handler, l *lifecycle, log *slog.Logger) error {
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return serveOn(ctx, listener, h, l, log)
}

func serveOn(ctx context.Context, listener net.Listener, h http.Handler, l *lifecycle, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      90 * time.Second, // longer than the longest upstream timeout
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Info("serving", "addr", listener.Addr().String())
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	l.stopping.Store(true)
	time.Sleep(drainTime)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		log.Warn("requests were cut off by the stop", "err", err.Error())
		return errors.Join(server.Close())
	}
	log.Info("stopped")
	return nil
}

// reply sends v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // only types of this package come here, and all of them can be encoded
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	replyBody(w, status, body)
}

// replyBody sends a finished JSON body. A caller who is gone is not an error
// of ours, so what Write says is left aside.
func replyBody(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// fail sends a Problem.
func fail(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	reply(w, status, Problem{Error: code, Detail: detail, RequestID: r.Header.Get("X-Request-Id")})
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
