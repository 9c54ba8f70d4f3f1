package pager

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"faultlab/targets/socket"
)

// Config says where a pager listens and whom it asks.
type Config struct {
	Listen       string // host:port for Alertmanager's calls, such as ":9094"
	Socket       string // path of the unix socket for questions
	Prometheus   string // http://host:port
	Alertmanager string // http://host:port
}

const (
	maxConnections = 32
	maxAnswer      = 8 << 20 // bytes of what Prometheus or Alertmanager answers
	longest        = 25 * time.Second
	askTimeout     = 10 * time.Second
)

// Serve takes calls and answers questions until ctx ends.
func Serve(ctx context.Context, c Config, log *slog.Logger) error {
	p := New()
	return socket.Server{
		Listen: c.Listen, Sent: "calls", Socket: c.Socket, Connections: maxConnections, WriteTimeout: 10 * time.Second,
		Receiver: p.Receiver(), Answerer: p.Answerer(c),
	}.Serve(ctx, log)
}

// Answerer is what only control reaches:
//
//	GET /notices?run=R&after=N   the notices after one; waits up to 25 s for the first
//	GET /prometheus/PATH?QUERY   what Prometheus answers to a GET of PATH
//	GET /alertmanager/PATH       the same of Alertmanager
func (p *Pager) Answerer(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notices", p.getNotices)
	client := &http.Client{Timeout: askTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for name, base := range map[string]string{"prometheus": c.Prometheus, "alertmanager": c.Alertmanager} {
		mux.HandleFunc("GET /"+name+"/{path...}", func(w http.ResponseWriter, r *http.Request) {
			pass(w, r, client, base)
		})
	}
	return mux
}

func (p *Pager) getNotices(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.Atoi(r.URL.Query().Get("after"))
	if err != nil {
		http.Error(w, "after is not a number", http.StatusBadRequest)
		return
	}
	late := time.NewTimer(longest)
	defer late.Stop()
	for {
		n, changed := p.After(r.URL.Query().Get("run"), after)
		if len(n.Notices) == 0 {
			select {
			case <-r.Context().Done():
				return
			case <-changed:
				continue
			case <-late.C:
			}
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(n)
		return
	}
}

// pass asks a server what control asks and hands its answer on. The server is in the
// trainee's hands: its answer is bounded in time and size, and only ever read as data.
func pass(w http.ResponseWriter, r *http.Request, client *http.Client, base string) {
	u, err := url.Parse(base)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	u = u.JoinPath(r.PathValue("path"))
	u.RawQuery = r.URL.RawQuery
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, u.String(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadGateway)
	case len(body) > maxAnswer:
		http.Error(w, fmt.Sprintf("the answer is longer than %d bytes", maxAnswer), http.StatusBadGateway)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(resp.StatusCode)
		w.Write(body)
	}
}
