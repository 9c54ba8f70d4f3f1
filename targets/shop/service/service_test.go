package service

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A stop lets a running request end, turns readyz off first, refuses new
// connections afterwards, and takes less than a second even with a hanging one.
func TestStop(t *testing.T) {
	for name, hold := range map[string]time.Duration{"request ends": 400 * time.Millisecond, "request hangs": time.Minute} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := New(Identity{Service: "web", Release: "5.8.0"}, DefaultLog(), io.Discard)
			entered := make(chan struct{})
			s.HandleQuietly("GET /slow", func(w http.ResponseWriter, r *http.Request) {
				close(entered)
				select {
				case <-time.After(hold):
				case <-r.Context().Done():
				}
			})
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			stopped := make(chan error, 1)
			go func() { stopped <- s.serveOn(ctx, l) }()
			base := "http://" + l.Addr().String()
			if got := status(base + "/readyz"); got != http.StatusOK {
				t.Fatalf("readyz is %d before the stop", got)
			}
			slow := make(chan int, 1)
			go func() { slow <- status(base + "/slow") }()
			<-entered
			began := time.Now()
			stop()
			for status(base+"/readyz") == http.StatusOK {
				if time.Since(began) > time.Second {
					t.Fatal("readyz says yes after the stop")
				}
			}
			if err := <-stopped; err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("the stop took %v; want less than 1s", took)
			}
			if got := <-slow; hold < time.Second && got != http.StatusOK {
				t.Errorf("the running request got %d", got)
			}
			if got := status(base + "/healthz"); got != 0 {
				t.Errorf("healthz answers %d after the stop", got)
			}
		})
	}
}

func status(url string) int {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func TestServeSaysWhyItCannot(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(Identity{Service: "web", Release: "5.8.0"}, DefaultLog(), io.Discard)
	if err := s.Serve(context.Background(), l.Addr().String()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got %v", err)
	}
}

// A healthy shop logs little: one request in sample_every.
func TestWhatIsLogged(t *testing.T) {
	var out bytes.Buffer
	id := Identity{Service: "web", Release: "5.8.0", Region: "us", Zone: "us-a"}
	s := New(id, LogConfig{Level: "info", Slow: 50 * time.Millisecond, SampleEvery: 10}, &out)
	answer := func(status int, wait time.Duration) {
		h := s.route("GET /", "home", func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(wait)
			w.WriteHeader(status)
		})
		r := httptest.NewRequest(http.MethodGet, "/?a=b", nil)
		r.Header.Set("X-Request-Id", "id-1")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	for range 9 {
		answer(200, 0)
	}
	if out.Len() != 0 {
		t.Errorf("logged: %s", &out)
	}
	answer(200, 0)
	answer(503, 0)
	answer(200, 60*time.Millisecond)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{"request", "request failed", "slow request"}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %s", len(lines), &out)
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got["msg"] != want[i] {
			t.Errorf("line %d is %q; want %q", i, got["msg"], want[i])
		}
		for _, key := range []string{"time", "level", "service", "release", "region", "zone", "route", "status", "ms", "request_id"} {
			if _, ok := got[key]; !ok {
				t.Errorf("line %d lacks %s", i, key)
			}
		}
	}
}
