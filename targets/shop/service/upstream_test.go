package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Whoever would ask somebody else has to know whether the first may have got the call.
func TestAnUpstreamErrorTellsWhatWasSent(t *testing.T) {
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no", http.StatusServiceUnavailable)
	}))
	defer failing.Close()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer silent.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	// Nobody accepts here, and the kernel does.
	full, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()

	for name, tt := range map[string]struct {
		url             string
		retries, status int
		timeout         bool
		sent            int
	}{
		"an answer":            {failing.URL, 0, 503, false, 1},
		"three answers":        {failing.URL, 2, 503, false, 3},
		"no answer":            {silent.URL, 1, 0, true, 2},
		"a refused connection": {closed.URL, 2, 0, false, 0},
		"a name that is none":  {"http://none.invalid", 0, 0, false, 0},
		"accepted by a kernel": {"http://" + full.Addr().String(), 0, 0, true, 1},
	} {
		c := DefaultUpstream(tt.url)
		c.Timeout, c.Retries = 300*time.Millisecond, tt.retries
		_, err := NewUpstream("test", c, prometheus.NewRegistry()).Call(context.Background(), Call{Method: http.MethodPost, Path: "/"})
		var up *UpstreamError
		if !errors.As(err, &up) {
			t.Fatalf("%s: %v", name, err)
		}
		if up.Status != tt.status || up.Sent != tt.sent || tt.timeout && !up.Timeout {
			t.Errorf("%s: status %d, timeout %v, sent %d (%v); want %d, %v, %d", name, up.Status, up.Timeout, up.Sent, err, tt.status, tt.timeout, tt.sent)
		}
	}
}
