package dependency

import (
	"fmt"
	"math"
	"slices"
	"time"

	"faultlab/faults/agent/carrier"
)

// slack is what a busy machine may add to a delay that is measured.
const slack = 5 * time.Millisecond

// maxTelling is the longest answer that a proof is worth, in bytes.
const maxTelling = 64 << 20

// outcome is what one probe got.
type outcome struct {
	connected, reset, slow bool  // slow: not whole in time
	status                 int   // of HTTP; 0 for none
	cut                    bool  // ended before the length announced
	bytes, body            int64 // body: those that limits count
	first, whole           time.Duration
}

// fine tells an answer that came whole.
func (o outcome) fine() bool { return o.connected && !o.reset && !o.slow && !o.cut && o.bytes > 0 }

// least is how much later than base an answer comes at least.
func (a action) least(base outcome) time.Duration {
	if a.rate > 0 {
		return time.Duration(float64(base.bytes)/float64(a.rate)*float64(time.Second)) - base.whole
	}
	return a.delay - a.jitter
}

// most is how long a probe must be able to wait for an answer.
func (a action) most(base outcome) time.Duration {
	d := 10*base.whole + 300*time.Millisecond + 2*(a.delay+a.jitter) + a.within
	if a.rate > 0 {
		d += 2 * time.Duration(float64(base.bytes)/float64(a.rate)*float64(time.Second))
	}
	return d
}

// felt tells whether a probe met the fault, given what it gets without.
func (a action) felt(base, o outcome) bool {
	switch {
	case a.refuse:
		return o.reset && o.bytes == 0
	case a.hang:
		return o.slow && o.bytes < base.bytes
	case a.status != 0:
		return o.status == a.status
	case a.truncate:
		return !o.reset && !o.slow && (o.cut || o.bytes < base.bytes)
	case a.reset:
		return o.reset
	case a.rate > 0:
		return o.whole-base.whole >= a.least(base)*8/10
	}
	return o.first-base.first >= max(a.least(base)*9/10, a.delay/10)
}

// unfit says why an answer cannot show the fault, or nothing.
func (a action) unfit(base outcome) string {
	switch {
	case a.status != 0 && base.status == a.status:
		return "it has the status already"
	case a.rate > 0 && a.least(base) < max(5*time.Millisecond, base.whole/2):
		return "it is too short to take longer at this rate"
	case a.limited() && base.body <= a.after:
		return fmt.Sprintf("it has %d bytes, which are let through", base.body)
	case a.reset && a.within > 0 && a.after < 0 && base.whole <= a.within:
		return "it is there before it would be reset"
	}
	return ""
}

// limited tells whether a call meets the fault when its answer has so many bytes.
func (a action) limited() bool { return a.after > 0 || a.after == 0 && (a.truncate || a.reset) }

// telling is an answer that can show the fault: its size, and how long it takes.
func (a action) telling() (size int64, wait time.Duration, ok bool) {
	size = 1000 + max(a.after, 0)
	if a.rate > 0 {
		size = max(a.rate/5, 2)
	}
	if a.reset && a.within > 0 {
		wait = a.within + 50*time.Millisecond
	}
	return size, wait, size <= maxTelling && wait < 2*time.Second
}

// count is how many probes tell the share from none: with 7/p all are missed by
// chance in fewer than 1 of 1000 runs.
func count(share float64) int {
	if share >= 1 {
		return 5
	}
	return int(min(max(math.Ceil(7/share), 100), 7000))
}

// judge compares what probes got with what is set.
func (s *stage) judge(base outcome, got []outcome) (*carrier.Measurement, bool) {
	var times []time.Duration
	hit, clean := 0, true
	for _, o := range got {
		if s.felt(base, o) {
			hit++
			times = append(times, o.first)
			if s.rate > 0 {
				times[len(times)-1] = o.whole
			}
		} else if base.fine() && (!o.fine() || o.status != base.status) {
			clean = false // neither the fault nor an answer as before
		}
	}
	n := len(got)
	lo, hi := carrier.Band(n, s.share)
	before := base.first
	if s.rate > 0 {
		before = base.whole
	}
	m := &carrier.Measurement{Probes: n, LossPercent: 100 * float64(hit) / float64(n),
		LossBand: [2]float64{100 * float64(lo) / float64(n), 100 * float64(hi) / float64(n)}, BeforeMS: carrier.Milliseconds(before)}
	ok := clean && hit > 0 && hit >= lo && hit <= hi
	if s.delay > 0 || s.rate > 0 {
		after := middle(times)
		added := after - before
		m.AfterMS, m.AddedMS = carrier.Milliseconds(after), carrier.Milliseconds(added)
		want := s.delay
		if s.rate > 0 {
			want = s.least(base)
		}
		if len(times) > 0 {
			// The quickest says that it is not too long where nothing spreads it.
			top := added
			if s.jitter == 0 {
				top = slices.Min(times) - before
			}
			ok = ok && added >= (want-s.jitter)*8/10 && top <= want*6/5+s.jitter+slack+before
		}
	} else {
		m.Lost = hit
	}
	return m, ok
}

// absent tells whether so few of n probes felt the fault that it is gone. A busy machine
// may make some late; but nothing is quicker than a delay that is still there.
func (s *stage) absent(felt, n int) bool {
	if s.delay == 0 && s.rate == 0 {
		return felt == 0
	}
	lo, _ := carrier.Band(n, s.share)
	return felt < max(lo, 1)
}

// middle is the median; 0 for none.
func middle(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Clone(d)
	slices.Sort(s)
	return s[len(s)/2]
}
