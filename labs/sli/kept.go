package sli

import (
	"math"

	"faultlab/targets/traffic"
)

// second is a traffic.Second as it is kept: 24 bytes for each group that was there and
// 4 for each request, which at 45 requests a second is below 5 MB an hour.
type second struct {
	t          int64
	sent       int
	asked, lag float64
	parts      []part
	latencies  []uint32 // in tenths of a millisecond, in the order of the parts
	orders     []traffic.Placed
}

// part is what one group got in a second.
type part struct {
	group            uint16 // its place in the recorder's list
	n, ok, latencies uint32
	errs             *traffic.Errors // nil without any
}

// keep packs a second. The caller holds the lock.
func (r *Recorder) keep(s traffic.Second) second {
	k := second{t: s.T, sent: s.Sent, asked: s.TargetRate, lag: s.LagMS, orders: s.Orders, parts: make([]part, 0, len(s.Segments))}
	total := 0
	for _, g := range s.Segments {
		total += len(g.MS)
	}
	k.latencies = make([]uint32, 0, total)
	for _, g := range s.Segments {
		p := part{group: r.place(g.Who), n: uint32(g.N), ok: uint32(g.OK), latencies: uint32(len(g.MS))}
		if g.Errs != (traffic.Errors{}) {
			p.errs = &g.Errs
		}
		k.parts = append(k.parts, p)
		for _, ms := range g.MS {
			k.latencies = append(k.latencies, uint32(math.Round(ms*10)))
		}
	}
	return k
}

// place gives a group's place in the list, at the end of it if it is new.
func (r *Recorder) place(g traffic.Group) uint16 {
	i, ok := r.places[g]
	if !ok {
		i = uint16(len(r.groups))
		r.groups = append(r.groups, g)
		r.places[g] = i
	}
	return i
}
