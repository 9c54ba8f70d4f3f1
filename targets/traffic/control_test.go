package traffic

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestControl(t *testing.T) {
	var served atomic.Int64
	first := make(chan struct{}, 1)
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		select {
		case first <- struct{}{}:
		default:
		}
		_, _ = io.WriteString(w, page(r))
	})
	lines, out := io.Pipe()
	g, err := New(Config{Edge: addr, Seed: 1}, out)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "t.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // left over by another one
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { defer out.Close(); _ = g.Run(ctx) })
	running.Go(func() { _ = ServeControl(ctx, socket, g) })

	// Paused from the start, it prints seconds in which nothing happens.
	seconds := make(chan Second, 100)
	running.Go(func() {
		defer close(seconds)
		for s, err := range ReadSeconds(lines) {
			if err == nil {
				seconds <- s
			}
		}
	})
	if s := <-seconds; s.Sent != 0 || s.TargetRate != 0 {
		t.Errorf("paused: %+v", s)
	}

	for _, rate := range []float64{-1, MaxRate + 1} {
		if _, err := SetRate(ctx, socket, rate); err == nil {
			t.Errorf("rate %v is accepted", rate)
		}
	}
	began := time.Now()
	s, err := SetRate(ctx, socket, 500)
	if err != nil || s.TargetRate != 500 {
		t.Fatalf("set: %+v, %v", s, err)
	}
	<-first
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("the first request came %v after the rate was set; want 100ms", took)
	}
	if s, err := GetStatus(ctx, socket); err != nil || s.TargetRate != 500 || s.Edge != addr {
		t.Errorf("status: %+v, %v", s, err)
	}
	if s, err = SetRate(ctx, socket, 0); err != nil {
		t.Fatal(err)
	}
	if again, err := GetStatus(ctx, socket); err != nil || again.Sent != s.Sent {
		t.Errorf("paused at %d, then sent %d (%v)", s.Sent, again.Sent, err)
	}
	cancel()
	running.Wait()
	if err := g.SetRate(context.Background(), 1); err == nil {
		t.Error("the rate of traffic that has ended was set")
	}
	if _, err := GetStatus(context.Background(), socket); err == nil {
		t.Error("status of traffic that has ended")
	}
}

func TestProbe(t *testing.T) {
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-r.Context().Done()
			return
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Host)
	})
	ctx := context.Background()
	p, err := SendProbe(ctx, "http://"+addr+"/", "eu.shop.example", time.Second)
	if err != nil || p.Status != http.StatusTeapot || p.Body != "eu.shop.example" || p.Err != "" || p.MS <= 0 {
		t.Errorf("got %+v, %v", p, err)
	}
	if p, err := SendProbe(ctx, "http://"+addr+"/", "", time.Second); err != nil || p.Body != addr {
		t.Errorf("without a host: %+v, %v", p, err)
	}
	if p, err := SendProbe(ctx, "http://"+addr+"/hang", "", 50*time.Millisecond); err != nil || p.Err == "" || p.Status != 0 || p.MS < 40 {
		t.Errorf("hang: %+v, %v", p, err)
	}
	for _, bad := range []string{"", "x", "ftp://x/", "http://"} {
		if _, err := SendProbe(ctx, bad, "", time.Second); err == nil {
			t.Errorf("url %q is accepted", bad)
		}
	}
	if _, err := SendProbe(ctx, "http://x/", "", 0); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("timeout 0: %v", err)
	}
}
