package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// DefaultSocket is where a generator takes commands.
const DefaultSocket = "/run/traffic.sock"

// ServeControl takes commands for g on a unix socket until ctx ends: GET
// /status, and PUT /rate with {"rate": 45}. A socket left by a generator that
// died is replaced.
func ServeControl(ctx context.Context, socket string, g *Generator) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	server := &http.Server{Handler: controlHandler(g), ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

func controlHandler(g *Generator) http.Handler {
	mux := http.NewServeMux()
	status := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(g.Status())
	}
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { status(w) })
	mux.HandleFunc("PUT /rate", func(w http.ResponseWriter, r *http.Request) {
		var want struct {
			Rate *float64 `json:"rate"`
		}
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&want); err != nil || want.Rate == nil {
			http.Error(w, `want {"rate": number}`, http.StatusBadRequest)
			return
		}
		if err := g.SetRate(r.Context(), *want.Rate); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		status(w)
	})
	return mux
}

// SetRate tells the generator at socket its rate; it is in force when SetRate
// returns.
func SetRate(ctx context.Context, socket string, rate float64) (Status, error) {
	body, err := json.Marshal(map[string]float64{"rate": rate})
	if err != nil {
		return Status{}, fmt.Errorf("rate is %v; want a number", rate)
	}
	return control(ctx, socket, http.MethodPut, "/rate", body)
}

// GetStatus asks the generator at socket how it stands.
func GetStatus(ctx context.Context, socket string) (Status, error) {
	return control(ctx, socket, http.MethodGet, "/status", nil)
}

func control(ctx context.Context, socket, method, path string, body []byte) (Status, error) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, method, "http://traffic"+path, bytes.NewReader(body))
	if err != nil {
		return Status{}, fmt.Errorf("traffic at %s: %w", socket, err)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(req)
	if err != nil {
		return Status{}, fmt.Errorf("traffic at %s: %w", socket, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return Status{}, fmt.Errorf("traffic at %s: %w", socket, err)
	}
	if resp.StatusCode != http.StatusOK {
		return Status{}, errors.New(strings.TrimSpace(string(text)))
	}
	var s Status
	if err := json.Unmarshal(text, &s); err != nil {
		return Status{}, fmt.Errorf("traffic at %s: %w", socket, err)
	}
	return s, nil
}
