package collector

import (
	"container/list"
	"sync"
	"time"
)

// What a trace may be at most, so that one cannot push out the others.
const (
	maxSteps = 400
	slowFrom = 200 * time.Millisecond // steps from here on make a trace worth keeping for longer
	ordinary = 4                      // ordinary traces have at least 1/4 of the memory
)

// Ring keeps the latest traces, whole ones, within a number of bytes. When that is
// reached the oldest ordinary trace goes first, but the last quarter of the memory is
// the ordinary ones' own: so failed and slow traces, of which there are few while all is
// well, are kept for longer, and cannot push all others out when there are many.
type Ring struct {
	limit int // bytes
	now   func() time.Time

	mu     sync.Mutex
	traces map[TraceID]*kept
	order  [2]list.List // ordinary and notable traces, the oldest first
	bytes  [2]int
	counts Counts
}

// Counts are what a ring has seen since it was made.
type Counts struct {
	Spans   int `json:"spans_received"`
	TooMany int `json:"spans_left_out"` // of traces with too many steps
	Evicted int `json:"traces_evicted"`
}

// kept is one trace.
type kept struct {
	id      TraceID
	spans   []Span
	bytes   int
	notable int // 1: failed or slow
	left    int // steps that were too many
	place   *list.Element
	newest  time.Time // when a span of it came last
}

// traceBytes is what a trace takes besides its spans.
const traceBytes = 256

// NewRing gives an empty ring of a number of bytes.
func NewRing(limit int) *Ring { return &Ring{limit: limit, now: time.Now, traces: map[TraceID]*kept{}} }

// Add takes spans in. Those of a trace that was evicted before begin a new one.
func (r *Ring) Add(spans map[TraceID][]Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, list := range spans {
		r.counts.Spans += len(list)
		t := r.traces[id]
		if t == nil {
			t = &kept{id: id, bytes: traceBytes}
			t.place = r.order[0].PushBack(t)
			r.bytes[0] += t.bytes
			r.traces[id] = t
		}
		r.grow(t, list)
	}
	r.evict()
}

func (r *Ring) grow(t *kept, spans []Span) {
	if room := maxSteps - len(t.spans); len(spans) > room {
		t.left += len(spans) - room
		r.counts.TooMany += len(spans) - room
		spans = spans[:room]
	}
	t.newest = r.now()
	more, notable := 0, t.notable
	for i := range spans {
		more += max(spans[i].bytes, spanBytes)
		if spans[i].Failed || spans[i].Duration >= slowFrom {
			notable = 1
		}
	}
	t.spans = append(t.spans, spans...)
	r.bytes[t.notable] -= t.bytes
	t.bytes += more
	if notable != t.notable {
		r.order[t.notable].Remove(t.place)
		t.notable = notable
		t.place = r.order[notable].PushBack(t)
	}
	r.bytes[t.notable] += t.bytes
}

// evict makes room: whole traces go.
func (r *Ring) evict() {
	for r.bytes[0]+r.bytes[1] > r.limit {
		from := 0
		if r.bytes[0] <= r.limit/ordinary && r.order[1].Len() > 0 || r.order[0].Len() == 0 {
			from = 1
		}
		t := r.order[from].Remove(r.order[from].Front()).(*kept)
		r.bytes[from] -= t.bytes
		delete(r.traces, t.id)
		r.counts.Evicted++
	}
}

// Get gives a trace, or false.
func (r *Ring) Get(id TraceID) (Trace, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.traces[id]
	if t == nil {
		return Trace{}, false
	}
	return t.trace(), true
}

// trace is a copy of what is kept.
func (t *kept) trace() Trace {
	spans := append([]Span(nil), t.spans...)
	out := Trace{Summary: summarize(t.id, spans), Spans: spans}
	out.Left = t.left
	return out
}
