package sli_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

func second(t int64, region string, ok, failed int, ms ...float64) traffic.Second {
	return traffic.Second{T: t, TargetRate: 45, Sent: ok + failed, Segments: []traffic.Segment{
		{Who: traffic.Group{Region: region, Route: "home", Version: "7.1"}, N: ok + failed, OK: ok, Errs: traffic.Errors{Timeout: failed}, MS: ms}}}
}

func at(seconds float64) time.Time { return time.Unix(0, int64(seconds*1e9)) }

func TestWindow(t *testing.T) {
	r := sli.NewRecorder()
	// Second 103 is missing; 101 and 102 come again, as after re-reading the log,
	// and 100 comes late.
	for _, s := range []int64{101, 102, 101, 102, 100, 104, 105} {
		r.Add(second(s, "us", 1, 0, 10))
	}
	if r.Last() != time.Unix(105, 0) {
		t.Errorf("last is %v", r.Last())
	}
	tests := []struct {
		from, to float64
		seconds  int
	}{
		{101, 106, 4},
		{100, 106, 4},   // 100 came too late
		{101, 102, 1},   // the end is outside
		{101.5, 103, 1}, // 101 had begun before
		{101, 101.5, 1}, // what began inside counts
		{101.2, 101.8, 0},
		{101.000000001, 102, 0},
		{103, 104, 0},
		{106, 200, 0},
		{0, 101, 0},
		{105, 101, 0}, // backwards
		{0, 1000, 4},
	}
	for _, tt := range tests {
		w := r.Window(at(tt.from), at(tt.to), sli.Filter{})
		if w.Seconds != tt.seconds || w.N != tt.seconds || w.Sent != tt.seconds || w.Asked != 45*float64(tt.seconds) {
			t.Errorf("[%v, %v): %+v; want %d seconds", tt.from, tt.to, w, tt.seconds)
		}
	}
}

// Every dimension chooses its requests, and a second is the same after it was kept.
func TestWindowOfEachDimension(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	values := []string{"a", "b", "c"}
	r := sli.NewRecorder()
	type sum struct{ n, ok, timeouts, longest int }
	want := map[string]sum{}
	for s := range int64(20) {
		second := traffic.Second{T: s}
		for range 30 {
			pick := func() string { return values[rng.IntN(3)] }
			tenths := rng.IntN(100_000)
			g := traffic.Segment{Who: traffic.Group{Region: pick(), Route: pick(), Version: pick(), Tenant: pick(), Device: pick(), Cohort: pick()},
				N: 1, OK: rng.IntN(2), MS: []float64{float64(tenths) / 10}}
			g.Errs.Timeout = 1 - g.OK
			second.Segments = append(second.Segments, g)
			for _, d := range traffic.Dimensions {
				x := want[d.Name+d.Of(g.Who)]
				want[d.Name+d.Of(g.Who)] = sum{x.n + 1, x.ok + g.OK, x.timeouts + g.Errs.Timeout, max(x.longest, tenths)}
			}
		}
		r.Add(second)
	}
	r.Add(traffic.Second{T: 30, Orders: []traffic.Placed{{Key: "a"}}})
	r.Add(traffic.Second{T: 31, Orders: []traffic.Placed{{Key: "b"}, {Key: "c"}}})
	if got := r.Orders(at(0), at(31)); len(got) != 1 || got[0].Key != "a" {
		t.Errorf("orders up to 31: %v", got)
	}
	if got := r.Orders(at(0), at(99)); len(got) != 3 || got[2].Key != "c" {
		t.Errorf("orders: %v", got)
	}
	for _, d := range traffic.Dimensions {
		for _, v := range values {
			w := r.Window(at(0), at(99), sli.Only(d, v))
			got := sum{w.N, w.OK, w.Errs["timeout"], int(w.Quantile(1) / (100 * time.Microsecond))}
			if got != want[d.Name+v] {
				t.Errorf("%s %s: %+v; want %+v", d.Name, v, got, want[d.Name+v])
			}
		}
	}
}

// Neighbouring windows hold every second once, wherever they are cut.
func TestWindowsAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	r := sli.NewRecorder()
	for s := range int64(100) {
		r.Add(second(1000+s, "us", 1, 0, 1))
	}
	for range 500 {
		cut := at(1000 + rng.Float64()*100)
		a, b := r.Window(at(900), cut, sli.Filter{}), r.Window(cut, at(1200), sli.Filter{})
		if a.N+b.N != 100 {
			t.Fatalf("cut at %v: %d and %d", cut, a.N, b.N)
		}
	}
}

func TestQuantileAgainstAnOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 1200; n += 1 + rng.IntN(7) {
		r, all := sli.NewRecorder(), []float64{}
		for s := int64(0); len(all) < n; s++ {
			var ms []float64
			for range min(n-len(all), 1+rng.IntN(40)) {
				ms = append(ms, math.Round(rng.ExpFloat64()*400)/10)
			}
			all = append(all, ms...)
			r.Add(second(s+1, "us", len(ms), 0, ms...))
		}
		slices.Sort(all)
		w := r.Window(at(0), at(1e6), sli.Filter{})
		for _, pct := range []int{1, 50, 90, 95, 99, 100} {
			// The smallest value that at least pct of a hundred do not exceed.
			i := 0
			for (i+1)*100 < pct*n {
				i++
			}
			got := float64(w.Quantile(float64(pct)/100)) / 1e6
			if want := all[i]; math.Abs(got-want) > 1e-5 {
				t.Fatalf("p%d of %d: %v; want %v", pct, n, got, want)
			}
		}
	}
	if q := (sli.Window{}).Quantile(.99); q != 0 {
		t.Errorf("of nothing: %v", q)
	}
}

func TestFilterAndValues(t *testing.T) {
	r := sli.NewRecorder()
	r.Add(traffic.Second{T: 1, Sent: 6, Segments: []traffic.Segment{
		{Who: traffic.Group{Region: "eu", Route: "home", Version: "7.1"}, N: 1, OK: 1, MS: []float64{1}},
		{Who: traffic.Group{Region: "us", Route: "home", Version: "7.0"}, N: 2, OK: 1, Errs: traffic.Errors{Status: 1}, MS: []float64{2, 3}},
		{Who: traffic.Group{Region: "us", Route: "search", Version: "7.1"}, N: 3, OK: 0, Errs: traffic.Errors{Body: 1, Connect: 1, Overflow: 1}, MS: []float64{4, 5, 6}},
	}})
	for _, tt := range []struct {
		f     sli.Filter
		n, ok int
	}{{sli.Filter{}, 6, 2}, {sli.Filter{Region: "us"}, 5, 1}, {sli.Filter{Region: "us", Route: "search"}, 3, 0}, {sli.Filter{Version: "7.1"}, 4, 1}, {sli.Filter{Region: "ap"}, 0, 0}} {
		w := r.Window(at(0), at(9), tt.f)
		if w.N != tt.n || w.OK != tt.ok {
			t.Errorf("%+v: %d of %d; want %d of %d", tt.f, w.OK, w.N, tt.ok, tt.n)
		}
		sum := 0
		for _, n := range w.Errs {
			sum += n
		}
		if sum != w.N-w.OK {
			t.Errorf("%+v: errors %v do not add up to %d", tt.f, w.Errs, w.N-w.OK)
		}
	}
	want := map[string]string{"region": "eu us", "route": "home search", "version": "7.0 7.1"}
	for _, d := range traffic.Dimensions {
		if got := strings.Join(r.Values(at(0), at(9), d), " "); got != want[d.Name] {
			t.Errorf("%s: %q; want %q", d.Name, got, want[d.Name])
		}
		if got := r.Values(at(9), at(10), d); len(got) > 0 {
			t.Errorf("%s later: %q", d.Name, got)
		}
	}
}

func TestLimit(t *testing.T) {
	win := func(ok, failed int, ms float64) sli.Window {
		all := make([]float64, ok+failed)
		for i := range all {
			all[i] = ms
		}
		r := sli.NewRecorder()
		r.Add(second(1, "us", ok, failed, all...))
		return r.Window(at(0), at(9), sli.Filter{})
	}
	lim := sli.Limit{Success: 99.5, P95: 150 * time.Millisecond, P99: 300 * time.Millisecond}
	tests := []struct {
		name string
		w    sli.Window
		lim  sli.Limit
		want string
	}{
		{"holds", win(1000, 0, 12), lim, ""},
		{"exactly", win(995, 5, 150), lim, ""},
		{"one failure too many", win(994, 6, 12), lim, "success 99.40 %"},
		{"a hair short is not rounded up", win(199_998, 1_006, 12), sli.Limit{Success: 99.5}, "success 99.49 %"},
		{"99.996 % is not 100", win(99_996, 4, 12), sli.Limit{Success: 100}, "success 99.99 %"},
		{"late", win(1000, 0, 150.1), lim, "p95 150.1 ms"},
		{"very late", win(1000, 0, 300.1), lim, "p95 300.1 ms; p99 300.1 ms"},
		{"silence", win(0, 0, 0), lim, "no request was answered"},
		{"silence against no limit at all", win(0, 0, 0), sli.Limit{}, "no request was answered"},
		{"a limit that is no number", win(10, 0, 1), sli.Limit{Success: math.NaN()}, "success 100.00 %"},
		{"no limits", win(1, 9, 9000), sli.Limit{}, ""},
	}
	for _, tt := range tests {
		if got := strings.Join(tt.lim.Breaches(tt.w), "; "); got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, got, tt.want)
		}
	}
	if got := win(99_996, 4, 150.2).Describe(); !strings.Contains(got, "success 99.99 % of 100000") || !strings.Contains(got, "p95 151 ms") {
		t.Errorf("described as %q", got)
	}
	if !math.IsNaN(win(0, 0, 0).Success()) || win(0, 0, 0).Describe() != "no request was answered" {
		t.Error("silence has a success rate")
	}
}

func TestChanged(t *testing.T) {
	r := sli.NewRecorder()
	if !r.Last().IsZero() {
		t.Error("an empty recorder has a last second")
	}
	c := r.Changed()
	r.Add(second(2, "us", 1, 0, 1))
	<-c
	c = r.Changed()
	r.Add(second(2, "us", 1, 0, 1)) // again: nothing new
	select {
	case <-c:
		t.Error("a second that was known counts as new")
	default:
	}
}
