package collector

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Query chooses traces.
type Query struct {
	Slow    bool    `json:"slow,omitempty"`    // the slowest first, not the latest
	Errors  bool    `json:"errors,omitempty"`  // only those with a step that failed
	Region  string  `json:"region,omitempty"`  // the site that users asked: us, eu, ap
	Route   string  `json:"route,omitempty"`   // home, search, product, checkout
	Service string  `json:"service,omitempty"` // that had a part in it: catalog, or catalog-us-a
	MinMS   float64 `json:"min_ms,omitempty"`  // that took at least so many milliseconds
	Limit   int     `json:"limit,omitempty"`   // how many are listed at most; 0: all
	Fresh   bool    `json:"fresh,omitempty"`   // also those that are still coming in
}

// Settled is how long no span of a trace must have come until it counts as whole:
// services send every two seconds.
const Settled = 3 * time.Second

// List is the traces of a query, and what there is besides.
type List struct {
	Traces  []Summary `json:"traces"`
	Matched int       `json:"matched"` // also those beyond the limit
	Kept    int       `json:"kept"`    // all there are
	Coming  int       `json:"coming"`  // of these, those left out because they are still coming in
	Since   time.Time `json:"since,omitzero"`
	Bytes   int       `json:"bytes"`
	Limit   int       `json:"limit_bytes"`
	Counts
}

// List gives the traces that a query chooses: the latest first, or the slowest.
func (r *Ring) List(q Query) List {
	r.mu.Lock()
	all := make([]*kept, 0, len(r.traces))
	coming, now := 0, r.now()
	for _, t := range r.traces {
		if !q.Fresh && now.Sub(t.newest) < Settled {
			coming++
			continue
		}
		c := *t // its spans are only ever added to
		all = append(all, &c)
	}
	l := List{Traces: []Summary{}, Kept: len(all) + coming, Coming: coming, Bytes: r.bytes[0] + r.bytes[1], Limit: r.limit, Counts: r.counts}
	r.mu.Unlock()
	for _, t := range all {
		s := t.trace().Summary
		if l.Since.IsZero() || s.Start.Before(l.Since) {
			l.Since = s.Start
		}
		if q.wants(s) {
			l.Traces = append(l.Traces, s)
		}
	}
	slices.SortFunc(l.Traces, func(a, b Summary) int {
		newest := cmp.Or(b.Start.Compare(a.Start), strings.Compare(a.ID.String(), b.ID.String()))
		if q.Slow {
			return cmp.Or(cmp.Compare(b.Millis, a.Millis), newest)
		}
		return newest
	})
	l.Matched = len(l.Traces)
	if q.Limit > 0 && l.Matched > q.Limit {
		l.Traces = l.Traces[:q.Limit]
	}
	return l
}

func (q Query) wants(s Summary) bool {
	return (!q.Errors || s.Failed) &&
		(q.Region == "" || q.Region == s.Site) &&
		(q.Route == "" || q.Route == s.Route) &&
		(q.Service == "" || slices.ContainsFunc(s.Services, func(name string) bool {
			service, _, _ := strings.Cut(name, " ")
			return q.Service == service || q.Service == strings.Replace(name, " ", "-", 1)
		})) &&
		s.Millis >= q.MinMS
}

// Find gives the trace whose id begins with some hex digits. ids are those of all that
// do: none, or more than one, and there is no trace.
func (r *Ring) Find(prefix string) (t Trace, ids []TraceID) {
	prefix = strings.ToLower(prefix)
	r.mu.Lock()
	for id := range r.traces {
		if strings.HasPrefix(id.String(), prefix) {
			ids = append(ids, id)
		}
	}
	r.mu.Unlock()
	if len(ids) != 1 {
		return Trace{}, ids
	}
	t, ok := r.Get(ids[0])
	if !ok { // evicted meanwhile
		return Trace{}, nil
	}
	return t, ids
}
