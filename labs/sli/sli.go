// Package sli keeps what users got, second by second, and answers for any window
// of time how many requests were answered rightly and how long they took.
//
// Percentiles are exact: every latency is kept (a day of 45 requests a second is
// 31 MB), so a window of any length and segment can be asked for afterwards.
package sli

import (
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"faultlab/targets/traffic"
)

// Recorder collects seconds as traffic reports them. It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	seconds []traffic.Second // ascending, one per second at most
	last    time.Time        // when the newest second arrived
	changed chan struct{}    // closed and renewed at every second
}

// NewRecorder makes an empty one.
func NewRecorder() *Recorder { return &Recorder{changed: make(chan struct{})} }

// Add takes one more second. One that is not newer than the newest is dropped:
// after a reconnect traffic's log is read again from a little earlier.
func (r *Recorder) Add(s traffic.Second) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.seconds); n > 0 && s.T <= r.seconds[n-1].T {
		return
	}
	r.seconds = append(r.seconds, s)
	r.last = time.Now()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Changed gives a channel that closes when the next second arrives.
func (r *Recorder) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// Last is the newest second's time, zero before the first.
func (r *Recorder) Last() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seconds) == 0 {
		return time.Time{}
	}
	return time.Unix(r.seconds[len(r.seconds)-1].T, 0)
}

// Window is what users got in [From, To).
type Window struct {
	From, To time.Time
	Seconds  int            // how many of them traffic reported
	Sent     int            // requests that set out
	N, OK    int            // requests that ended, and those answered rightly
	Asked    float64        // requests that should have set out
	LagMS    float64        // median of how late traffic itself was each second, for want of CPU; see traffic.Second
	Errs     map[string]int // failed requests by what the user saw: timeout, status, body, connect, overflow
	ms       []float64      // ascending
}

// Filter chooses segments; empty fields choose all.
type Filter struct {
	Region, Route, Version string
}

func (f Filter) fits(s traffic.Segment) bool {
	return (f.Region == "" || f.Region == s.Region) && (f.Route == "" || f.Route == s.Route) && (f.Version == "" || f.Version == s.Version)
}

// Window adds up the seconds in [from, to) for the segments chosen.
func (r *Recorder) Window(from, to time.Time, f Filter) Window {
	w := Window{From: from, To: to, Errs: map[string]int{}}
	var lags []float64
	for _, s := range r.between(from, to) {
		w.Seconds++
		w.Sent += s.Sent
		w.Asked += s.TargetRate
		lags = append(lags, s.LagMS)
		for _, g := range s.Segments {
			if !f.fits(g) {
				continue
			}
			w.N += g.N
			w.OK += g.OK
			for kind, n := range map[string]int{"timeout": g.Errs.Timeout, "status": g.Errs.Status, "body": g.Errs.Body, "connect": g.Errs.Connect, "overflow": g.Errs.Overflow} {
				if n > 0 {
					w.Errs[kind] += n
				}
			}
			w.ms = append(w.ms, g.MS...)
		}
	}
	slices.Sort(w.ms)
	if slices.Sort(lags); len(lags) > 0 {
		w.LagMS = lags[len(lags)/2]
	}
	return w
}

func (r *Recorder) between(from, to time.Time) []traffic.Second {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := sort.Search(len(r.seconds), func(i int) bool { return r.seconds[i].T >= ceil(from) })
	j := sort.Search(len(r.seconds), func(i int) bool { return r.seconds[i].T >= ceil(to) })
	return r.seconds[i:max(i, j)]
}

// ceil is the first whole second not before t: seconds that had begun before a
// window opened do not belong to it.
func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// Values lists what occurs in the window for one dimension: "region", "route" or
// "version", sorted.
func (r *Recorder) Values(from, to time.Time, dimension string) []string {
	seen := map[string]bool{}
	for _, s := range r.between(from, to) {
		for _, g := range s.Segments {
			switch dimension {
			case "region":
				seen[g.Region] = true
			case "route":
				seen[g.Route] = true
			case "version":
				seen[g.Version] = true
			}
		}
	}
	var out []string
	for v := range seen {
		out = append(out, v)
	}
	sort.Strings(out)
	return out
}

// Success is the share of requests answered rightly, in percent; NaN without any.
func (w Window) Success() float64 {
	if w.N == 0 {
		return math.NaN()
	}
	return 100 * float64(w.OK) / float64(w.N)
}

// Quantile is the latency that a share q (0 to 1) of the requests did not exceed
// (nearest rank), right and wrong answers alike; 0 without any.
func (w Window) Quantile(q float64) time.Duration {
	if len(w.ms) == 0 {
		return 0
	}
	i := int(math.Ceil(q*float64(len(w.ms)))) - 1
	return time.Duration(w.ms[min(max(i, 0), len(w.ms)-1)] * float64(time.Millisecond))
}
