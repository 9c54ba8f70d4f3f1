package dependency

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// Proxies are the proxies of one agent, one for each port and side of a network
// namespace. The zero value is ready.
type Proxies struct {
	mu sync.Mutex
	by map[key]*proxy

	spare spares
}

type key struct {
	namespace uint64 // its inode
	port      uint16
	side      faults.Side
}

// newProxy is one that is not open yet.
func newProxy(t carrier.Target, c faults.Calls) *proxy {
	side := c.Side
	if side == "" {
		side = faults.Called
	}
	return &proxy{port: uint16(c.Port), side: side, in: t.InNetwork, probes: map[uint16]string{}, spent: map[uint16]bool{},
		older: map[[diagIDs]byte]bool{}, inside: map[string]string{}, sessions: map[carried]bool{},
		users: newDials(), probing: newDials()}
}

// add puts a stage into the proxy of its port, which begins with the first.
func (ps *Proxies) add(t carrier.Target, c faults.Calls, s *stage) (*proxy, error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	fresh := newProxy(t, c)
	k := key{port: fresh.port, side: fresh.side}
	if err := t.InNetwork(func() error {
		var st unix.Stat_t
		err := unix.Stat("/proc/thread-self/ns/net", &st)
		k.namespace = st.Ino
		return err
	}); err != nil {
		return nil, fmt.Errorf("find the network namespace: %w", err)
	}
	p := ps.by[k]
	if p == nil {
		p = fresh
		p.stages, p.spare = []*stage{s}, &ps.spare
		if err := p.open(); err != nil {
			return nil, errors.Join(err, p.close(), p.finish(context.Background(), false))
		}
		if ps.by == nil {
			ps.by = map[key]*proxy{}
		}
		ps.by[k] = p
		return p, nil
	}
	p.mu.Lock()
	p.stages = append(slices.Clone(p.stages), s)
	p.mu.Unlock()
	if err := p.steer(); err != nil {
		return nil, errors.Join(err, ps.leave(p, s))
	}
	return p, nil
}

// remove takes a stage away; with the last one the proxy ends, but for the connections
// under way, which finish is for.
func (ps *Proxies) remove(p *proxy, s *stage) error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.leave(p, s)
}

func (ps *Proxies) leave(p *proxy, s *stage) error {
	p.mu.Lock()
	if !over(s.gone) {
		close(s.gone)
	}
	before := len(p.stages)
	p.stages = slices.DeleteFunc(slices.Clone(p.stages), func(o *stage) bool { return o == s })
	left, closed := len(p.stages), p.closed
	p.mu.Unlock()
	if closed || left == before {
		return nil
	}
	if left > 0 {
		return p.steer()
	}
	for k, o := range ps.by {
		if o == p {
			delete(ps.by, k)
		}
	}
	return p.close()
}

// steer has the rules take the calls that any stage concerns. Then nothing is left that
// would have the kernel send one elsewhere.
func (p *proxy) steer() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	err := p.setRules()
	p.mu.Unlock()
	if err != nil {
		return err
	}
	err = p.dropStale()
	p.mu.Lock()
	p.stale = err
	p.mu.Unlock()
	return nil
}

// setRules is for steer; p is locked.
func (p *proxy) setRules() error {
	var peers []netip.Prefix
	for _, s := range p.stages {
		own := s.peers.Load()
		if len(*own) == 0 {
			return p.rules.steer(nil)
		}
		for _, pre := range *own {
			if !slices.Contains(peers, pre) {
				peers = append(peers, pre)
			}
		}
	}
	return p.rules.steer(peers)
}

// finish ends the connections under way through a proxy that has no stage any more, or
// leaves those that are no probes; the table that translates for them goes with the last.
func (p *proxy) finish(ctx context.Context, end bool) error {
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if !closed {
		return nil
	}
	p.probing.giveUp()
	p.settle() // most are made quickly
	for _, s := range p.alive(nil) {
		if c, _ := s.unseen(); c.probe != "" {
			s.end(true)
			p.untrack(s)
		}
	}
	if end {
		p.users.giveUp()
		p.settle()
		p.endSessions(ctx, nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaving = true
	return p.letGo()
}

// settle waits, briefly, until what was accepted is a session or has ended.
func (p *proxy) settle() {
	for range 20 {
		p.mu.Lock()
		coming := p.coming
		p.mu.Unlock()
		if coming == 0 {
			return
		}
		time.Sleep(look)
	}
}

// letGo takes the table of translations away when nothing needs it; p is locked.
func (p *proxy) letGo() error {
	if !p.leaving || p.coming+len(p.sessions) > 0 || p.callers == nil {
		return nil
	}
	c := p.callers
	p.callers = nil
	defer func() { _ = p.dropStale() }()
	return c.close()
}
