package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// play runs a generator for a while and gives its seconds added up.
func play(t *testing.T, c Config, d time.Duration) (Second, Segment) {
	t.Helper()
	return addUp(t, record(t, c, d))
}

// record sends for some time, and gives the lines of the seconds.
func record(t *testing.T, c Config, d time.Duration) string {
	t.Helper()
	var out bytes.Buffer
	g, err := New(c, &out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		defer cancel()
		time.Sleep(d)
		// What is on its way may come, on a busy machine too.
		if err := g.SetRate(ctx, 0); err != nil {
			t.Error(err)
		}
		for end := time.Now().Add(2 * time.Second); g.Status().Outstanding > 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if err := g.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func addUp(t *testing.T, lines string) (Second, Segment) {
	t.Helper()
	seconds, err := read(lines)
	if err != nil {
		t.Fatal(err)
	}
	var all Second
	var seg Segment
	for i, s := range seconds {
		if i > 0 && s.T != seconds[i-1].T+1 {
			t.Errorf("second %d follows %d", s.T, seconds[i-1].T)
		}
		all.Sent += s.Sent
		all.LagMS = max(all.LagMS, s.LagMS)
		for _, x := range s.Segments {
			seg.N, seg.OK = seg.N+x.N, seg.OK+x.OK
			seg.Errs = Errors{
				seg.Errs.Timeout + x.Errs.Timeout, seg.Errs.Status + x.Errs.Status, seg.Errs.Body + x.Errs.Body,
				seg.Errs.Connect + x.Errs.Connect, seg.Errs.Overflow + x.Errs.Overflow,
			}
			seg.MS = append(seg.MS, x.MS...)
			if x.N != x.OK+x.Errs.Sum() || x.N != len(x.MS) {
				t.Errorf("segment does not add up: %+v", x)
			}
		}
	}
	return all, seg
}

func page(r *http.Request) string {
	if r.URL.Path == "/upload" {
		body, _ := io.ReadAll(r.Body)
		return fmt.Sprintf(`{"bytes":%d,"sha256":"%s"}`, len(body), checksum(string(body)))
	}
	if r.URL.Path == "/basket" {
		var b basket
		_ = json.NewDecoder(r.Body).Decode(&b)
		for i := range b.Lines {
			b.Lines[i].PriceCents = 5
			b.TotalCents += 5 * int64(b.Lines[i].Quantity)
		}
		body, _ := json.Marshal(b)
		return string(body)
	}
	if r.Method == http.MethodPost {
		var o order
		_ = json.NewDecoder(r.Body).Decode(&o)
		return fmt.Sprintf(`{"key":%q,"state":"paid","total_cents":%d}`, o.Key, 100*len(o.Lines))
	}
	id, query := strings.TrimPrefix(r.URL.Path, "/product/"), r.FormValue("q")
	if id != r.URL.Path {
		return fmt.Sprintf(`{"product":{"id":%s,"name":"A","price_cents":5}}`, id)
	}
	if query == "" {
		return homePage(homeProducts)
	}
	return fmt.Sprintf(`{"query":%q,"products":[{"id":1,"name":%q,"price_cents":5}]}`, query, "Tall "+query)
}

func edge(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	// Whoever has not read a request does not hear that its sender has gone.
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		h(w, r)
	}))
	t.Cleanup(s.CloseClientConnections)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestUsersOfAHealthyShop(t *testing.T) {
	var mu sync.Mutex
	ids, hosts, served, told := map[string]bool{}, map[string]bool{}, 0, map[string]int{}
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		ids[r.Header.Get("X-Request-Id")], hosts[r.Host], served = true, true, served+1
		for _, name := range []string{"X-Tenant", "X-App-Version", "X-Device", "X-Cohort"} {
			told[name+" "+r.Header.Get(name)]++
		}
		if want := fmt.Sprintf("ShopApp/%s (%s)", r.Header.Get("X-App-Version"), r.Header.Get("X-Device")); r.UserAgent() != want {
			t.Errorf("user agent %q; want %q", r.UserAgent(), want)
		}
		mu.Unlock()
		_, _ = io.WriteString(w, page(r))
	})
	all, seg := play(t, Config{Edge: addr, Rate: 300, Seed: 1}, 1500*time.Millisecond)
	if seg.N != seg.OK || seg.N < all.Sent {
		t.Errorf("sent %d, %+v; want all ok", all.Sent, seg.Errs)
	}
	if all.Sent < 380 || all.Sent > 520 {
		t.Errorf("sent %d in 1.5 s at 300 per second", all.Sent)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ids) != served || served != all.Sent {
		t.Errorf("%d request ids in %d requests served, %d sent", len(ids), served, all.Sent)
	}
	if !hosts["us.shop.example"] || !hosts["eu.shop.example"] || !hosts["ap.shop.example"] || len(hosts) != 3 {
		t.Errorf("hosts asked for: %v", hosts)
	}
	for name, table := range map[string][]weighted{"X-Tenant": tenants, "X-App-Version": versions, "X-Device": devices, "X-Cohort": cohorts} {
		for _, w := range table {
			if told[name+" "+w.value] == 0 {
				t.Errorf("no request says %s: %s", name, w.value)
			}
		}
	}
	if heavy := told["X-Tenant aurora"]; 10*heavy < 4*served {
		t.Errorf("%d of %d requests are the heavy tenant's", heavy, served)
	}
}

func TestFailuresAreCountedAsWhatUsersSee(t *testing.T) {
	tests := []struct {
		name  string
		serve http.HandlerFunc
		count func(Errors) int
	}{
		{"empty 200", func(http.ResponseWriter, *http.Request) {}, func(e Errors) int { return e.Body }},
		{"wrong page", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"query":"no","product":{"id":999999,"name":"A","price_cents":5}}`)
		}, func(e Errors) int { return e.Body }},
		{"truncated JSON", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, page(r)[:20])
		}, func(e Errors) int { return e.Body }},
		{"cut off", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, page(r))
		}, func(e Errors) int { return e.Body }},
		{"503 with a good body", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, page(r))
		}, func(e Errors) int { return e.Status }},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/", http.StatusFound)
		}, func(e Errors) int { return e.Status }},
		{"hang", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}, func(e Errors) int { return e.Timeout }},
		{"hang in the body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, `{"products":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, func(e Errors) int { return e.Timeout }},
		{"reset", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = c.(*net.TCPConn).SetLinger(0)
				_ = c.Close()
			}
		}, func(e Errors) int { return e.Connect }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, seg := play(t, Config{Edge: edge(t, tt.serve), Rate: 100, Seed: 2, Timeout: 200 * time.Millisecond}, 700*time.Millisecond)
			if seg.N < 20 || seg.OK != 0 || tt.count(seg.Errs) != seg.N {
				t.Errorf("n %d, ok %d, %+v; want all of one kind", seg.N, seg.OK, seg.Errs)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, seg := play(t, Config{Edge: addr, Rate: 100, Seed: 2}, 700*time.Millisecond)
	if seg.N < 20 || seg.Errs.Connect != seg.N {
		t.Errorf("n %d, %+v; want all connect", seg.N, seg.Errs)
	}
}

// A connection that breaks under a request is seen by the user, though
// net/http would send a GET again on its own.
func TestABrokenConnectionIsNotRetried(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	addr := edge(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		first := !seen[r.RemoteAddr]
		seen[r.RemoteAddr] = true
		mu.Unlock()
		if first {
			_, _ = io.WriteString(w, page(r))
			return
		}
		if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = c.Close()
		}
	})
	_, seg := play(t, Config{Edge: addr, Rate: 50, Seed: 2}, time.Second)
	if seg.Errs.Connect == 0 || seg.OK == 0 || seg.OK+seg.Errs.Connect != seg.N {
		t.Errorf("ok %d, %+v; want the second request of each connection to fail", seg.OK, seg.Errs)
	}
	if share := float64(seg.Errs.Connect) / float64(seg.N); share < 0.35 {
		t.Errorf("%.0f %% failed; want about half", 100*share)
	}
}

func TestSlowAnswersDoNotSlowArrivals(t *testing.T) {
	hang := edge(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	quick := edge(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page(r)) })
	slow, _ := play(t, Config{Edge: hang, Rate: 200, Seed: 5}, 1200*time.Millisecond)
	fast, _ := play(t, Config{Edge: quick, Rate: 200, Seed: 5}, 1200*time.Millisecond)
	if diff := slow.Sent - fast.Sent; diff < -15 || diff > 15 {
		t.Errorf("sent %d to a hanging edge and %d to a quick one", slow.Sent, fast.Sent)
	}
}

func TestOverflowIsAFailure(t *testing.T) {
	hang := edge(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	all, seg := play(t, Config{Edge: hang, Rate: 200, Seed: 5, MaxOutstanding: 10}, 600*time.Millisecond)
	if seg.Errs.Overflow == 0 || seg.Errs.Overflow != all.Sent-10 {
		t.Errorf("sent %d, %+v; want all but 10 to overflow", all.Sent, seg.Errs)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []Config{
		{}, {Edge: "x:1", Rate: -1}, {Edge: "x:1", Shape: Shape{Swing: 2}}, {Edge: "x:1", Rate: MaxRate + 1}, {Edge: "x:1", Timeout: -1}, {Edge: "x:1", MaxOutstanding: -1},
	} {
		if _, err := New(c, io.Discard); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}
