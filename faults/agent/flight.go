package agent

import (
	"encoding/binary"
	"slices"
	"time"
)

// flight is one packet on its way through the pipeline, or a copy of it.
type flight struct {
	drop   bool
	delay  time.Duration // so far
	long   bool          // held back for long, its turns on links apart
	packet []byte        // goes on in place of what came; nil: what came
}

// verdict is what becomes of a packet, and of the copies that are sent besides.
type verdict struct {
	flight
	copies []flight
}

// replace has a copy fly in place of the packet.
func (v *verdict) replace() {
	v.copies = append([]flight{v.flight}, v.copies...)
	v.drop = true
}

// judge says what becomes of a packet, of which b may be the start only.
func (p *pipeline) judge(b []byte, dir int, now time.Time) (v verdict) {
	h, ok := parseHeader(b)
	if !ok {
		return v
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stages {
		a, to := s.out, endpoint{h.dst.Unmap(), h.dstPort, h.srcPort}
		if dir == dirIn {
			a, to = s.in, endpoint{h.src.Unmap(), h.srcPort, h.dstPort}
		}
		if a == nil || !s.match.matches(to, h.proto) || h.train != 0 && h.train != s.tag || s.thrifty && bareACK(b) {
			continue
		}
		for i := range v.copies {
			if s.meet(a, &v.copies[i], b, h, dir, now) {
				v.copies = append(v.copies, v.copies[i])
			}
		}
		if !v.drop && s.meet(a, &v.flight, b, h, dir, now) {
			v.copies = append(v.copies, v.flight)
		}
		if v.copies = slices.DeleteFunc(v.copies, func(f flight) bool { return f.drop }); v.drop && len(v.copies) == 0 {
			return v
		}
	}
	return v
}

// meet lets a flight pass a stage; twice says that a copy of it flies on as well.
func (s *stage) meet(a *action, f *flight, b []byte, h header, dir int, now time.Time) (twice bool) {
	s.hit.Add(1)
	r := s.user[dir]
	if h.probe {
		r = s.probe[dir]
	}
	if a.reset != nil && a.reset.strike(b, h.probe) || a.lose(r) {
		s.dropped.Add(1)
		f.drop = true
		return false
	}
	if a.damaged > 0 && r.Float64() < a.damaged {
		if packet, ok := damage(b, f.packet, r); ok {
			s.damaged.Add(1)
			f.packet = packet
		}
	}
	if d := a.draw(r.Rand); d > 0 {
		s.delayed.Add(1)
		s.hold(f, d, dir)
	}
	if h.probe && h.train == 0 {
		// The agent's other probes know nothing of what follows: what it measures of
		// other faults stays as it is, however full the link.
		return s.double(a, r, b, h)
	}
	if a.order.share > 0 {
		if r.ahead(a.order) {
			s.ahead.Add(1)
		} else {
			s.delayed.Add(1)
			s.hold(f, a.order.delay, dir)
		}
	}
	if a.link.rate > 0 {
		l, n := &s.lanes[dir], length(b)
		if h.train != 0 {
			l = &s.trains[dir]
			if h.proto == "tcp" {
				n = a.link.trainBytes() // the answer to a SYN is too small to fill a link
			}
		}
		d, ok := l.carry(a.link, now.Add(f.delay), n)
		if !ok {
			s.dropped.Add(1)
			f.drop = true
			return false
		}
		s.delayed.Add(1)
		f.delay += d
	}
	return s.double(a, r, b, h)
}

// hold holds a flight back.
func (s *stage) hold(f *flight, d time.Duration, dir int) {
	f.delay += d
	f.long = f.long || dir == dirOut && s.charges() && d > bridged
}

// double tells whether a copy is made. None is of what is sent to many: one that arrived
// would go out again.
func (s *stage) double(a *action, r *sequence, b []byte, h header) bool {
	if a.twice == 0 || r.Float64() >= a.twice || len(b) < length(b) || h.dst.IsMulticast() {
		return false
	}
	s.doubled.Add(1)
	return true
}

// ahead tells whether a packet overtakes those that are held back.
func (r *sequence) ahead(o ordering) bool {
	if r.behind < o.gap-1 || r.Float64() >= o.share {
		r.behind++
		return false
	}
	r.behind = 0
	return true
}

// lane is one way over a link.
type lane struct{ free time.Time }

// carry gives a packet its turn; it says how long after its arrival it is over the
// link, or false when it would have to wait for too long.
func (l *lane) carry(k link, arrives time.Time, bytes int) (time.Duration, bool) {
	wait := max(l.free.Sub(arrives), 0)
	if wait > k.wait {
		return 0, false
	}
	d := wait + k.time(bytes)
	l.free = arrives.Add(d)
	return d, true
}

// length is that of the whole packet that begins with b, by its header.
func length(b []byte) int {
	if b[0]>>4 == 4 {
		return int(binary.BigEndian.Uint16(b[2:]))
	}
	return 40 + int(binary.BigEndian.Uint16(b[4:]))
}

// damage flips one bit of what a packet carries behind the header of IP; a damaged
// header would have been dropped by the next router. Nothing is done to a packet that
// carries nothing or of which only the start is known.
func damage(b, so []byte, r *sequence) ([]byte, bool) {
	start := 40
	if b[0]>>4 == 4 {
		start = int(b[0]&15) * 4
	}
	if len(b) < length(b) || len(b) <= start {
		return nil, false
	}
	if so == nil {
		so = b
	}
	so = slices.Clone(so)
	bit := r.IntN((len(so) - start) * 8)
	so[start+bit/8] ^= 1 << (bit % 8)
	return so, true
}
