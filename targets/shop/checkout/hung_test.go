package checkout_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"faultlab/targets/db/dbtest"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/shoptest"
)

// Two releases wait for a partner who hangs for as long as it does, with the customers
// long gone:
//
//   - 3.5.0: features.setUp takes address and connections over into the one setup, and not
//     the timeout, which there means none.
//   - 3.6.0: payments.deadline stands in for the timeouts, and is 0, which means none.
//
// Nothing returns, so nothing fails, and the breaker has nothing to count.
func TestAPartnerThatHangs(t *testing.T) {
	server := dbtest.Start(t)
	for _, tt := range []struct {
		release  string
		deadline time.Duration
		drains   bool
	}{{"3.4.0", 0, false}, {"3.5.0", 0, true}, {"3.6.0", 0, true}, {"3.6.0", 200 * time.Millisecond, false}} {
		t.Run(fmt.Sprintf("%s with deadline %v", tt.release, tt.deadline), func(t *testing.T) {
			const workers = 4
			partner := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body) // who has not read a request does not hear that its sender has gone
				<-r.Context().Done()
			}))
			c := checkout.DefaultConfig()
			c.Database.Host, c.Database.Port, c.Database.Password = "127.0.0.1", server.Port, dbtest.ShopPassword
			c.Payments.Failover, c.Payments.Deadline = checkout.FailoverOff, tt.deadline
			p := checkout.DefaultProvider("primary", partner.URL)
			p.Timeout, p.Pool.Max, p.Breaker.Failures, p.Breaker.OpenFor = 200*time.Millisecond, workers, 3, time.Minute
			c.Payments.Providers = []checkout.ProviderConfig{p}
			c.Workers, c.Settle.After = checkout.PoolConfig{Max: workers, Wait: 50 * time.Millisecond}, time.Hour
			on := shoptest.Service(checkout.Name, tt.release)
			closing, err := checkout.Build(context.Background(), on, &c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(closing)
			t.Cleanup(partner.Close) // before closing: it lets go of whom it holds
			t.Cleanup(partner.CloseClientConnections)
			h := on.Handler()

			// Customers give up after half a second.
			answers := make(chan int, workers)
			for i := range workers {
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
					defer cancel()
					answers <- place(ctx, h, fmt.Sprintf("hung-%s-%v-%d", tt.release, tt.deadline, i)).Code
				}()
			}
			time.Sleep(1500 * time.Millisecond) // several times the timeout and the deadline
			busy := gaugeOf(t, h, "workers_busy")
			calling := gaugeOf(t, h, "provider_calls_busy")
			dump := shoptest.Get(t, h, "/debug/pprof/goroutine?debug=2", "").Body.String()
			waiting := 0
			for g := range strings.SplitSeq(dump, "\n\n") {
				if strings.Contains(g, "checkout.(*checkout).postOrder") && strings.Contains(g, "checkout.(*partner).post(") && strings.Contains(g, "service.(*Upstream).fetch") {
					waiting++
				}
			}
			want := 0
			if tt.drains {
				want = workers
			}
			if int(busy) != want || int(calling) != want || waiting != want {
				t.Errorf("%v workers and %v calls busy, %d stacks wait in partner.post; want %d each", busy, calling, waiting, want)
			}
			if tt.drains {
				if open := gaugeOf(t, h, "breaker_open"); open != 0 {
					t.Errorf("the breaker is open, though no call has failed")
				}
				if next := place(context.Background(), h, "next-"+tt.release); next.Code != http.StatusServiceUnavailable || !strings.Contains(next.Body.String(), "busy") {
					t.Errorf("the next order: %d %s; want 503 busy", next.Code, next.Body)
				}
				return
			}
			for range workers {
				if code := <-answers; code == http.StatusOK {
					t.Errorf("an order was answered with %d", code)
				}
			}
			if open := gaugeOf(t, h, "breaker_open"); open != 1 {
				t.Errorf("the breaker is closed after %d failures; want it open", workers)
			}
		})
	}
}

func place(ctx context.Context, h http.Handler, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/orders", strings.NewReader(`{"key":"`+key+`","lines":[{"product_id":7,"quantity":1}]}`))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func gaugeOf(t *testing.T, h http.Handler, name string) (v float64) {
	t.Helper()
	for line := range strings.Lines(shoptest.Get(t, h, "/metrics", "").Body.String()) {
		if strings.HasPrefix(line, name+"{") {
			if err := json.Unmarshal([]byte(strings.TrimSpace(line[strings.LastIndex(line, "}")+1:])), &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}
