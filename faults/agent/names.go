package agent

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

const (
	// nameInterval is how often the peers' names are looked up while a fault is active.
	nameInterval = time.Second
	// maxPrefixes bounds what the names of one fault resolve to.
	maxPrefixes = 64
	// maxNotes bounds what is on record of their changes; the oldest go.
	maxNotes = 64
)

// named is a fault on peers by name: their addresses are looked up before it is
// placed, and followed while it is active.
type named struct {
	carrier.Carrier
	target carrier.Target
	aim    func(prefixes []netip.Prefix, placed bool) error
	names  []string
	fixed  []netip.Prefix // the peer's addresses that need no names

	quit context.CancelFunc // of the follower; nil: there is none
	done chan struct{}

	mu    sync.Mutex
	known map[string][]netip.Addr
	notes []string
}

// followNames makes a carrier of packets follow the names of its fault's peer, if it has any.
func followNames(s space, o carrier.Order, c carrier.Carrier, e *effect) carrier.Carrier {
	return follows(o.Target, c, peerOf(o.Fault).Names, e.match.prefixes, func(prefixes []netip.Prefix, placed bool) error {
		if placed {
			return s.retarget(e.id, prefixes)
		}
		e.match.prefixes = prefixes // nothing is installed yet
		return nil
	})
}

// follows makes a carrier follow names besides fixed addresses. aim tells the fault whom
// it is for, before it is placed and while it is active.
func follows(t carrier.Target, c carrier.Carrier, names []string, fixed []netip.Prefix, aim func([]netip.Prefix, bool) error) carrier.Carrier {
	if len(names) == 0 {
		return c
	}
	return &named{Carrier: c, target: t, aim: aim, names: names, fixed: fixed, known: map[string][]netip.Addr{}}
}

// peerOf is the peer of a fault on packets.
func peerOf(f faults.Fault) faults.Peer {
	switch f := f.(type) {
	case faults.Latency:
		return f.Peer
	case faults.PacketLoss:
		return f.Peer
	case faults.Rate:
		return f.Peer
	case faults.Duplicate:
		return f.Peer
	case faults.Corrupt:
		return f.Peer
	case faults.Reorder:
		return f.Peer
	case faults.BlackHole:
		return f.Peer
	case faults.Reject:
		return f.Peer
	case faults.Reset:
		return f.Peer
	case faults.Partition:
		return f.Peer
	}
	return faults.Peer{}
}

func (n *named) Place(ctx context.Context) (carrier.Placed, error) {
	found, errs := n.lookUp(ctx)
	for _, name := range n.names {
		if errs[name] != nil {
			return carrier.Placed{}, errs[name]
		}
	}
	prefixes, _ := n.learn(found)
	if len(prefixes) > maxPrefixes {
		return carrier.Placed{}, errorf(BadRequest, "the peer's names resolve to %d addresses; want at most %d", len(prefixes), maxPrefixes)
	}
	if err := n.aim(prefixes, false); err != nil {
		return carrier.Placed{}, err
	}
	p, err := n.Carrier.Place(ctx)
	if err != nil {
		return p, err
	}
	follow, quit := context.WithCancel(context.Background())
	n.quit, n.done = quit, make(chan struct{})
	go n.follow(follow)
	return p, nil
}

func (n *named) Take(ctx context.Context) error { n.stop(); return n.Carrier.Take(ctx) }

func (n *named) Drop() error { n.stop(); return n.Carrier.Drop() }

func (n *named) stop() {
	if n.quit != nil {
		n.quit()
		<-n.done
		n.quit = nil
	}
}

// Gone implements [carrier.Witness].
func (n *named) Gone() *Measurement {
	if c, ok := n.Carrier.(carrier.Witness); ok {
		return c.Gone()
	}
	return nil
}

// Notes implements [carrier.Noter].
func (n *named) Notes() []string {
	n.mu.Lock()
	out := slices.Clone(n.notes)
	n.mu.Unlock()
	if c, ok := n.Carrier.(carrier.Noter); ok {
		out = append(out, c.Notes()...)
	}
	return out
}

// follow looks the names up again and again. A name that does not resolve any more
// keeps its addresses: a fault must not end because its target cannot ask.
func (n *named) follow(ctx context.Context) {
	defer close(n.done)
	silent := map[string]bool{}
	for pause(ctx, nameInterval) {
		found, errs := n.lookUp(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, name := range n.names {
			if failed := errs[name] != nil; failed != silent[name] {
				silent[name] = failed
				if failed {
					n.note("%v; its addresses stay", errs[name])
				} else {
					n.note("peer name %s resolves again", name)
				}
			}
		}
		prefixes, changed := n.learn(found)
		switch {
		case !changed:
		case len(prefixes) > maxPrefixes:
			n.note("the peer's names resolve to %d addresses, want at most %d; the fault stays where it is", len(prefixes), maxPrefixes)
		default:
			if err := n.aim(prefixes, true); err != nil {
				n.note("the fault did not follow: %v", err)
			}
		}
	}
}

// lookUp asks for all names at the same time; each has addresses or an error.
func (n *named) lookUp(ctx context.Context) (map[string][]netip.Addr, map[string]error) {
	found, errs := map[string][]netip.Addr{}, map[string]error{}
	r, err := targetResolver(n.target)
	if err != nil {
		for _, name := range n.names {
			errs[name] = err
		}
		return found, errs
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, name := range n.names {
		wg.Go(func() {
			addrs, err := r.lookUp(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs[name] = err
				return
			}
			found[name] = addrs
		})
	}
	wg.Wait()
	return found, errs
}

// learn puts what was found on record and gives all addresses.
func (n *named) learn(found map[string][]netip.Addr) (all []netip.Prefix, changed bool) {
	for _, name := range n.names {
		addrs, ok := found[name]
		if was := n.known[name]; ok && !slices.Equal(was, addrs) {
			changed = true
			n.known[name] = addrs
			if was == nil {
				n.note("peer name %s is %s", name, listed(addrs))
			} else {
				n.note("peer name %s is %s now; it was %s", name, listed(addrs), listed(was))
			}
		}
	}
	all = slices.Clone(n.fixed)
	for _, name := range n.names {
		for _, a := range n.known[name] {
			if p := netip.PrefixFrom(a, a.BitLen()); !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all, changed
}

func listed(addrs []netip.Addr) string {
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return strings.Join(out, ", ")
}

func (n *named) note(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notes = append(n.notes, time.Now().UTC().Format(time.RFC3339)+" "+fmt.Sprintf(format, args...))
	n.notes = n.notes[max(0, len(n.notes)-maxNotes):]
}
