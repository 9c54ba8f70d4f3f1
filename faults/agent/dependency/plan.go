// Package dependency carries the faults of a proxy. On the called side it stands in
// front of a port of the target, which an nft rule (tproxy) hands new connections to; on
// the calling side a rule at the target's output (NAT) sends it what the target calls.
//
// The proxy's own connections are marked, so that the rules let them pass. On the called
// side the mark also says for whom one is made, and NAT gives it that caller's address;
// its port is another, as the caller's own leads to the proxy.
//
// A connection that no stage may do anything to is passed from socket to socket by the
// kernel, unread. Others are looked into: HTTP/1 request by request, else as a whole.
//
// Rules, listeners and connections belong to the agent's process. When it is killed
// they go: new connections go to the server as before, those under way end.
//
// The kernel remembers a connection for a while after its end, and what begins one from
// the same port again is treated as the last was. So the proxy's own connections are
// tracked in a zone of their own, and what is remembered of the target's calls to the
// port is deleted when the rules are set and when the proxy has ended. An agent that is
// killed cannot: where something else in the target's network has connections tracked and
// translated, a call from a port whose last was reset by that agent less than 10 seconds
// ago may be refused.
package dependency

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/faults"
)

// action is what a fault does to a call.
type action struct {
	refuse, hang, truncate, reset bool

	after         int64 // bytes that hang, truncate and reset let through; -1: no such limit
	within        time.Duration
	status        int // 0: no answer of its own
	body          string
	delay, jitter time.Duration
	rate          int64 // bytes per second; 0: as they come
}

// compile turns a fault of the family into what it concerns and does.
func compile(f faults.Fault) (faults.Calls, faults.Requests, action, bool) {
	a := action{after: -1}
	switch f := f.(type) {
	case faults.DependencyHang:
		a.hang, a.after = true, f.After
		return f.Calls, f.Requests, a, true
	case faults.DependencyRefuse:
		a.refuse = true
		return f.Calls, faults.Requests{}, a, true
	case faults.HTTPError:
		a.status, a.body = f.Status, f.Answer()
		return f.Calls, f.Requests, a, true
	case faults.DependencySlow:
		a.delay, a.jitter = f.Delay, f.Jitter
		return f.Calls, f.Requests, a, true
	case faults.DependencyRate:
		a.rate = f.BytesPerSecond
		return f.Calls, f.Requests, a, true
	case faults.DependencyTruncate:
		a.truncate, a.after = true, f.After
		return f.Calls, f.Requests, a, true
	case faults.DependencyReset:
		a.reset, a.within = true, f.Time
		if f.Time == 0 || f.After > 0 {
			a.after = f.After
		}
		return f.Calls, f.Requests, a, true
	}
	return faults.Calls{}, faults.Requests{}, a, false
}

// stage is one fault of a proxy with its sequences and counters.
type stage struct {
	action
	id    string
	share float64 // 0 to 1
	only  faults.Requests
	peers atomic.Pointer[[]netip.Prefix] // who is concerned; none: everybody
	seed  uint64
	on    atomic.Bool
	gone  chan struct{} // closed when the fault is taken away: who waits for it goes on

	mu          sync.Mutex
	user, probe *rand.Rand

	hit, ended, delayed atomic.Uint64
}

func newStage(id string, c faults.Calls, only faults.Requests, a action, seed uint64) *stage {
	s := &stage{action: a, id: id, share: c.Percent / 100, only: only, seed: seed, gone: make(chan struct{}),
		// Probes draw from a sequence of their own and leave that of the users alone.
		user: rand.New(rand.NewPCG(seed, 0)), probe: rand.New(rand.NewPCG(seed, 1))}
	s.peers.Store(&[]netip.Prefix{})
	return s
}

// call is what stages are asked about. One without a method is a connection that is
// not HTTP.
type call struct {
	method, path string
	probe        string // the fault that a probe is for, which meets no other; "" for a user's call
	fresh        bool   // a connection that was just accepted
	peer         netip.Addr
}

// concerns tells whether calls from, or to, an address are meant.
func (s *stage) concerns(a netip.Addr) bool {
	peers := *s.peers.Load()
	a = a.WithZone("")
	return len(peers) == 0 || slices.ContainsFunc(peers, func(p netip.Prefix) bool { return p.Contains(a) })
}

// covers tells whether all whom another stage concerns are meant.
func (s *stage) covers(o *stage) bool {
	peers, others := *s.peers.Load(), *o.peers.Load()
	return len(peers) == 0 || len(others) > 0 && !slices.ContainsFunc(others, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(peers, func(q netip.Prefix) bool { return q.Bits() <= p.Bits() && q.Contains(p.Addr()) })
	})
}

// meets draws whether the fault concerns a call, and how long it holds it back.
func (s *stage) meets(c call) (bool, time.Duration) {
	switch {
	case !s.on.Load(), c.probe != "" && c.probe != s.id, c.probe == "" && !s.concerns(c.peer), c.fresh != s.refuse:
		return false, 0
	case !c.fresh && c.method == "" && (s.status != 0 || !s.only.IsZero()):
		return false, 0
	case c.method != "" && !s.only.Match(c.method, c.path):
		return false, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.user
	if c.probe != "" {
		r = s.probe
	}
	if s.share < 1 && r.Float64() >= s.share {
		return false, 0
	}
	s.hit.Add(1)
	d := s.delay
	if s.jitter > 0 {
		d += time.Duration(r.Int64N(2*int64(s.jitter)+1)) - s.jitter
	}
	return true, d
}

// plan is what becomes of one call.
type plan struct {
	waits  []wait
	end    *stage // refuses, hangs or answers in the server's place
	rate   *stage // the slowest
	limits []*stage
}

type wait struct {
	stage *stage
	time  time.Duration
}

func (p plan) empty() bool {
	return len(p.waits) == 0 && p.end == nil && p.rate == nil && len(p.limits) == 0
}

// ask asks the stages in the order they were injected, until one ends the call.
func ask(stages []*stage, c call) plan {
	var p plan
	for _, s := range stages {
		met, d := s.meets(c)
		switch {
		case !met:
		case s.refuse, s.status != 0, s.hang && s.after == 0:
			s.ended.Add(1)
			p.end = s
			return p
		case s.delay > 0:
			s.delayed.Add(1)
			p.waits = append(p.waits, wait{s, d})
		case s.rate > 0:
			s.delayed.Add(1)
			if p.rate == nil || s.rate < p.rate.rate {
				p.rate = s
			}
		default:
			p.limits = append(p.limits, s)
		}
	}
	return p
}

// hides gives the stage that takes every call of a kind before one more could.
func hides(stages []*stage, c call) *stage {
	i := slices.IndexFunc(stages, func(s *stage) bool {
		ends := s.refuse || s.status != 0 || s.hang && s.after == 0
		return ends && s.share == 1 && (s.refuse || s.only.Match(c.method, c.path) && (c.method != "" || s.status == 0 && s.only.IsZero()))
	})
	if i < 0 {
		return nil
	}
	return stages[i]
}

// looks tells whether any stage might do something to a connection later on.
func looks(stages []*stage, c call) bool {
	return slices.ContainsFunc(stages, func(s *stage) bool {
		return !s.refuse && (c.probe == s.id || c.probe == "" && s.concerns(c.peer))
	})
}
