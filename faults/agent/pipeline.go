package agent

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/faults"
)

// pipeline decides about packets: every effect in the order of injection, each
// with random sequences of its own, so that one more effect does not change
// the sequence of those before it.
type pipeline struct {
	mu     sync.Mutex
	stages []*stage
}

// stage is one effect with its sequences and counters.
type stage struct {
	effect
	user, probe           [2]*sequence // by direction: out, in
	hit, dropped, delayed atomic.Uint64
}

const (
	dirOut = iota
	dirIn
)

func newStage(e effect) *stage {
	s := &stage{effect: e}
	for d := range 2 {
		// The second word keeps the four sequences of one seed apart.
		s.user[d] = newSequence(e.seed, uint64(d))
		s.probe[d] = newSequence(e.seed, uint64(d)+2)
	}
	return s
}

func (p *pipeline) add(e effect) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stages = append(p.stages, newStage(e))
}

func (p *pipeline) remove(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.stages)
	p.stages = slices.DeleteFunc(p.stages, func(s *stage) bool { return s.id == id })
	return len(p.stages) < n
}

func (p *pipeline) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stages = nil
}

// effects lists what is set, in order.
func (p *pipeline) effects() []effect {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []effect
	for _, s := range p.stages {
		out = append(out, s.effect)
	}
	return out
}

func (p *pipeline) packets(id string) Packets {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stages {
		if s.id == id {
			return Packets{Hit: s.hit.Load(), Dropped: s.dropped.Load(), Delayed: s.delayed.Load()}
		}
	}
	return Packets{}
}

// decide says what becomes of a packet: dropped, or sent on after a delay.
func (p *pipeline) decide(b []byte, dir int) (drop bool, delay time.Duration) {
	h, ok := parseHeader(b)
	if !ok {
		return false, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stages {
		a, addr, port := s.out, h.dst, h.dstPort
		if dir == dirIn {
			a, addr, port = s.in, h.src, h.srcPort
		}
		if a == nil || !s.match.matches(addr.Unmap(), port, h.proto) {
			continue
		}
		s.hit.Add(1)
		r := s.user[dir]
		if h.probe {
			r = s.probe[dir]
		}
		if a.reset != nil && a.reset.strike(b, h.probe) {
			s.dropped.Add(1)
			return true, 0
		}
		if a.lose(r) {
			s.dropped.Add(1)
			return true, 0
		}
		if d := a.draw(r.Rand); d > 0 {
			s.delayed.Add(1)
			delay += d
		}
	}
	return false, delay
}

// sequence is random numbers, and what is known of the packets around.
type sequence struct {
	*rand.Rand
	begun, lost bool
	block       []bool // fates to come, of an exact count
}

// blockSize is of how many packets an exact count is.
const blockSize = 1000

func newSequence(seed, which uint64) *sequence {
	return &sequence{Rand: rand.New(rand.NewPCG(seed, which))}
}

// lose tells whether a packet is lost; in bursts that hangs on the one before.
func (a *action) lose(r *sequence) bool {
	p := a.loss
	if p == 0 {
		return false
	}
	if a.exact {
		return r.next(a.loss)
	}
	if a.burst > 0 && r.begun {
		begin, end := a.transitions()
		if p = begin; r.lost {
			p = 1 - end
		}
	}
	r.begun, r.lost = true, r.Float64() < p
	return r.lost
}

// transitions gives the chances that a burst begins after a packet that was not lost,
// and ends after one that was.
func (a *action) transitions() (begin, end float64) {
	return a.loss / (a.burst * (1 - a.loss)), 1 / a.burst
}

// next is the next fate of a block in which exactly a share is lost.
func (r *sequence) next(share float64) bool {
	if len(r.block) == 0 {
		r.block = make([]bool, blockSize)
		for _, i := range r.Perm(blockSize)[:int(math.Round(share*blockSize))] {
			r.block[i] = true
		}
	}
	lost := r.block[0]
	r.block = r.block[1:]
	return lost
}

// draw gives one delay.
func (a *action) draw(r *rand.Rand) time.Duration {
	switch {
	case a.jitter == 0:
		return a.delay
	case a.shape == "" || a.shape == faults.Uniform:
		return a.delay - a.jitter + time.Duration(r.Int64N(2*int64(a.jitter)+1))
	}
	return a.shaped(shapes[a.shape]()[r.IntN(quantiles)])
}
