// Package sli keeps what users got, second by second, and answers for any window
// of time how many requests were answered rightly and how long they took.
//
// Percentiles are exact: every latency is kept for as long as the lab lives, so a
// window of any length and group of users can be asked for afterwards.
package sli

import (
	"math"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"faultlab/targets/traffic"
)

// Recorder collects seconds as traffic reports them. It is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	seconds []second        // ascending, one per second at most
	groups  []traffic.Group // every one that was seen
	places  map[traffic.Group]uint16
	changed chan struct{} // closed and renewed at every second
}

// NewRecorder makes an empty one.
func NewRecorder() *Recorder {
	return &Recorder{places: map[traffic.Group]uint16{}, changed: make(chan struct{})}
}

// Add takes one more second. One that is not newer than the newest is dropped:
// after a reconnect traffic's log is read again from a little earlier.
func (r *Recorder) Add(s traffic.Second) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.seconds); n > 0 && s.T <= r.seconds[n-1].t {
		return
	}
	r.seconds = append(r.seconds, r.keep(s))
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
	return time.Unix(r.seconds[len(r.seconds)-1].t, 0)
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
	latency  *hdrhistogram.PackedHistogram
}

// Filter chooses requests; empty fields choose all.
type Filter traffic.Group

// Only chooses the requests that have a value in one dimension.
func Only(d traffic.Dimension, value string) Filter { return Filter(d.Only(value)) }

// Latencies are counted in tenths of a millisecond. With so many digits a histogram is
// exact up to 26 s, which no user waits for; it rounds up what is above.
const (
	longest = 36_000_000
	digits  = 5
)

// Window adds up the seconds in [from, to) for the requests chosen.
func (r *Recorder) Window(from, to time.Time, f Filter) Window {
	w := Window{From: from, To: to, Errs: map[string]int{}, latency: hdrhistogram.NewPacked(1, longest, digits)}
	seconds, groups := r.between(from, to)
	some, chosen := traffic.Group(f), make([]bool, len(groups))
	for i := range groups {
		chosen[i] = groups[i].Has(&some)
	}
	lags := make([]float64, 0, len(seconds))
	for _, s := range seconds {
		w.Seconds++
		w.Sent += s.sent
		w.Asked += s.asked
		lags = append(lags, s.lag)
		rest := s.latencies
		for _, p := range s.parts {
			own := rest[:p.latencies]
			rest = rest[p.latencies:]
			if chosen[p.group] {
				w.add(p, own)
			}
		}
	}
	if slices.Sort(lags); len(lags) > 0 {
		w.LagMS = lags[len(lags)/2]
	}
	return w
}

func (w *Window) add(p part, latencies []uint32) {
	w.N += int(p.n)
	w.OK += int(p.ok)
	if e := p.errs; e != nil {
		for kind, n := range map[string]int{"timeout": e.Timeout, "status": e.Status, "body": e.Body, "connect": e.Connect, "overflow": e.Overflow} {
			if n > 0 {
				w.Errs[kind] += n
			}
		}
	}
	for _, l := range latencies {
		_ = w.latency.RecordValue(min(int64(l), longest)) // fails above that only
	}
}

// between gives the seconds in [from, to) and the groups that they speak of.
func (r *Recorder) between(from, to time.Time) ([]second, []traffic.Group) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := sort.Search(len(r.seconds), func(i int) bool { return r.seconds[i].t >= ceil(from) })
	j := sort.Search(len(r.seconds), func(i int) bool { return r.seconds[i].t >= ceil(to) })
	return r.seconds[i:max(i, j)], r.groups
}

// ceil is the first whole second not before t: seconds that had begun before a
// window opened do not belong to it.
func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// Values lists what occurs in [from, to) in a dimension, sorted.
func (r *Recorder) Values(from, to time.Time, d traffic.Dimension) []string {
	seconds, groups := r.between(from, to)
	seen := map[uint16]bool{}
	for _, s := range seconds {
		for _, p := range s.parts {
			seen[p.group] = true
		}
	}
	var out []string
	for i := range seen {
		if v := d.Of(groups[i]); v != "" {
			out = append(out, v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Orders are those whose request ended in [from, to).
func (r *Recorder) Orders(from, to time.Time) []traffic.Placed {
	seconds, _ := r.between(from, to)
	var out []traffic.Placed
	for _, s := range seconds {
		out = append(out, s.orders...)
	}
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
	if w.latency == nil || w.latency.TotalCount() == 0 {
		return 0
	}
	// The library rounds to the nearest rank, which may be the better one; a rank that
	// is whole it leaves.
	n := float64(w.latency.TotalCount())
	tenths := w.latency.ValueAtPercentile(100 * math.Ceil(q*n) / n)
	return time.Duration(tenths) * 100 * time.Microsecond
}
