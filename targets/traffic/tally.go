package traffic

import (
	"math"
	"slices"
	"sync"
	"time"
)

// outcome is how a request ended for the user.
type outcome int

const (
	succeeded outcome = iota
	timedOut
	badStatus
	badBody
	noConnection
	overflowed
)

// tally counts arrivals and ends by the second in which they happen. A second
// is complete as soon as the tally has looked at a later time, so nothing is
// ever counted twice or too late.
type tally struct {
	mu          sync.Mutex
	begin       time.Time // seconds are counted on the monotonic clock from here
	now         func() time.Time
	rate        float64
	current     Second
	segments    map[Group]*Segment
	complete    []Second
	outstanding int
	total       int
}

func newTally(now func() time.Time) *tally {
	begin := now()
	return &tally{begin: begin, now: now, current: Second{T: begin.Unix()}, segments: map[Group]*Segment{}}
}

// arrived counts an arrival and gives the number of outstanding requests,
// this one included.
func (t *tally) arrived(lag time.Duration) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	t.current.Sent++
	t.current.LagMS = max(t.current.LagMS, milliseconds(lag))
	t.total++
	t.outstanding++
	return t.outstanding
}

// ended counts the end of a request, and keeps its order if it placed one.
func (t *tally) ended(r Request, o outcome, took time.Duration, placed *Placed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	t.outstanding--
	s := t.segments[r.Group]
	if s == nil {
		s = &Segment{Who: r.Group}
		t.segments[r.Group] = s
	}
	if placed != nil {
		t.current.Orders = append(t.current.Orders, *placed)
	}
	s.N++
	s.MS = append(s.MS, milliseconds(took))
	switch o {
	case succeeded:
		s.OK++
	case timedOut:
		s.Errs.Timeout++
	case badStatus:
		s.Errs.Status++
	case badBody:
		s.Errs.Body++
	case noConnection:
		s.Errs.Connect++
	case overflowed:
		s.Errs.Overflow++
	}
}

// setRate notes the rate for the seconds from now on.
func (t *tally) setRate(rate float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	t.rate = rate
}

// take gives the seconds that are complete by now, oldest first.
func (t *tally) take() []Second {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	done := t.complete
	t.complete = nil
	return done
}

// rest gives everything counted so far, the unfinished second included.
func (t *tally) rest() []Second {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	t.finish()
	return t.complete
}

// roll closes the seconds that are over. The caller holds the lock.
func (t *tally) roll() {
	// begin carries the wall clock, the difference the monotonic one: setting
	// the wall clock moves no request into another second.
	now := t.begin.Add(t.now().Sub(t.begin)).Unix()
	for t.current.T < now {
		next := t.current.T + 1
		t.finish()
		t.current = Second{T: next}
	}
}

func (t *tally) finish() {
	s := t.current
	s.TargetRate, s.Outstanding, s.Segments = t.rate, t.outstanding, make([]Segment, 0, len(t.segments))
	for _, seg := range t.segments {
		s.Segments = append(s.Segments, *seg)
	}
	slices.SortFunc(s.Segments, func(a, b Segment) int { return a.Who.compare(b.Who) })
	clear(t.segments)
	t.complete = append(t.complete, s)
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d.Microseconds())/100) / 10
}
