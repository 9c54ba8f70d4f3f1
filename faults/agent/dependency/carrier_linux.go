package dependency

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

const attempts = 3 // a count outside its band is taken again: bands are 99.9 percent

// Fault carries one fault: a stage of the proxy of its port.
type Fault struct {
	carrier.Seen
	proxies *Proxies
	order   carrier.Order
	calls   faults.Calls
	stage   *stage
	proxy   *proxy
	drawn   bool
	ask     inquiry
	base    outcome
	proved  bool
	stand   *standIn // answers probes, where the server cannot show the fault

	mu    sync.Mutex
	notes []string
}

// Carry gives the carrier of a fault of this family, and nil for others.
func (ps *Proxies) Carry(o carrier.Order) (*Fault, error) {
	calls, only, a, ok := compile(o.Fault)
	if !ok {
		return nil, nil
	}
	seed := o.Seed
	if calls.Seed != 0 {
		seed = calls.Seed
	}
	drawn := calls.Percent < 100 || a.jitter > 0
	if seed == 0 && drawn {
		seed = rand.Uint64N(1<<53-1) + 1 // survives any JSON reader
	}
	f := &Fault{proxies: ps, order: o, calls: calls, drawn: drawn, stage: newStage(o.ID, calls, only, a, seed)}
	peers, err := calls.Peer.Prefixes()
	if err != nil {
		return nil, err
	}
	return f, f.Aim(peers)
}

// Peers are whom the fault is for: addresses, and names that the caller of Aim looks up.
func (f *Fault) Peers() (fixed []netip.Prefix, names []string) {
	return *f.stage.peers.Load(), f.calls.Peer.Names
}

// Aim says whom the fault concerns, before Place and while it is active; none: everybody.
func (f *Fault) Aim(peers []netip.Prefix) error {
	f.stage.peers.Store(&peers)
	if f.proxy == nil {
		return nil
	}
	return f.proxy.steer()
}

// Place implements [carrier.Carrier].
func (f *Fault) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	bare := newProxy(f.order.Target, f.calls)
	if f.ask, err = f.inquire(); err != nil {
		return carrier.Placed{}, err
	}
	if err := f.reach(ctx, bare); err != nil {
		return carrier.Placed{}, err
	}
	if f.proxy, err = f.proxies.add(f.order.Target, f.calls, f.stage); err != nil {
		return carrier.Placed{}, err
	}
	if f.proxy.translation() == nil {
		f.note("the server sees the target's own address in place of the caller's: nftables cannot translate it here")
	}
	if err := f.proxy.forgetful(); err != nil {
		f.note("a call from a port that was used shortly before may go astray: %v", err)
	}
	// The stage is in place but not on yet: what a call gets through the proxy.
	if err := f.baseline(ctx, bare); err != nil {
		return carrier.Placed{}, err
	}
	c := call{method: f.ask.method, path: f.ask.path}
	if s := hides(f.others(), c); s != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "injection %s takes all these calls already", s.id)
	}
	unseen := f.proxy.unseenBy(f.stage)
	f.stage.on.Store(true)
	m, err := f.prove(ctx)
	if err != nil {
		return carrier.Placed{}, err
	}
	f.proved = true
	if f.ends() {
		n, err := f.proxy.endOlder(ctx, f.stage, unseen)
		if err != nil {
			f.note("%v", err)
		}
		if n > 0 {
			f.note("ended %d connections that were older", n)
		}
	}
	p := carrier.Placed{Backend: "proxy", Measured: m}
	if f.drawn {
		p.Seed = f.stage.seed
	}
	return p, nil
}

// ends tells whether connections that the fault has not seen begin are ended.
func (f *Fault) ends() bool { return f.calls.Established != faults.Leave }

func (f *Fault) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, time.Now().UTC().Format(time.RFC3339)+" "+fmt.Sprintf(format, args...))
}

// Notes implements [carrier.Noter].
func (f *Fault) Notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.notes)
}

// others are the stages before this one that concern all whom it does.
func (f *Fault) others() (out []*stage) {
	for _, s := range f.proxy.staged() {
		if s != f.stage && s.covers(f.stage) {
			out = append(out, s)
		}
	}
	return out
}

func (f *Fault) probe(ctx context.Context, n int) []outcome {
	return f.proxy.many(ctx, f.order.ID, f.ask, n, f.stage.most(f.base), f.base.bytes)
}

// prove probes until the fault is felt as set.
func (f *Fault) prove(ctx context.Context) (*carrier.Measurement, error) {
	var m *carrier.Measurement
	for try := range attempts {
		n := count(f.stage.share)
		if n > 5 {
			n <<= try
		}
		got := f.probe(ctx, n)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var ok bool
		m, ok = f.stage.judge(f.base, got)
		m.Method, m.Address = "tcp", f.ask.to
		if f.ask.method != "" {
			m.Method = "http"
		}
		m.Saw = fmt.Sprintf("%.0f of %d calls met %s, before none", m.LossPercent*float64(n)/100, n, f.order.Fault.Kind())
		if f.stand != nil {
			m.Saw += "; answered by the proxy, in place of a server whose answers cannot tell"
		}
		if ok {
			return m, nil
		}
	}
	return nil, carrier.Errorf(carrier.Unproved, "effect not seen at %s: %s; want %.1f%% to %.1f%%; added %.2f ms", f.ask.to, m.Saw, m.LossBand[0], m.LossBand[1], m.AddedMS)
}

// Take implements [carrier.Carrier].
func (f *Fault) Take(ctx context.Context) error {
	if err := f.leave(); err != nil {
		return err
	}
	if f.proxy != nil {
		if err := f.proxy.finish(ctx, f.ends()); err != nil {
			return fmt.Errorf("take the proxy away: %w", err)
		}
	}
	defer f.dismiss()
	if !f.proved {
		return nil
	}
	var last outcome
	for range attempts {
		n := count(f.stage.share)
		felt, fine := 0, 0
		for _, o := range f.after(ctx, n) {
			last = o
			if f.stage.felt(f.base, o) {
				felt++
			}
			if o.fine() || o.connected && f.base.bytes == 0 {
				fine++
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if fine > 0 && f.stage.absent(felt, n) {
			f.See(&carrier.Measurement{Method: "tcp", Address: f.ask.to, Probes: n,
				Saw: fmt.Sprintf("%d of %d calls were answered as before the fault, %d as with it", fine, n, felt)})
			return nil
		}
		if !last.connected {
			return carrier.Errorf(carrier.NoProbe, "not measured again: %s does not accept connections any more", f.ask.to)
		}
	}
	if err := f.changed(ctx); err != nil {
		return err
	}
	return carrier.Errorf(carrier.Unproved, "effect still seen at %s after taking it away: %+v", f.ask.to, last)
}

// changed is what is wrong with the way to a server that is called, if calls past the
// proxy are not as calls were before the fault: another fault may have come since.
func (f *Fault) changed(ctx context.Context) error {
	if f.calls.Side != faults.Calling {
		return nil
	}
	q, n := f.ask, count(1)
	q.past = true
	fine, quickest := 0, time.Hour
	for _, o := range f.proxy.many(ctx, f.order.ID, q, n, f.stage.most(f.base), f.base.bytes) {
		if o.fine() {
			fine, quickest = fine+1, min(quickest, o.whole)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Through a proxy a call waits on two connections.
	slower := quickest - f.base.whole
	if fine == n && (f.stage.delay == 0 && f.stage.rate == 0 || slower < f.stage.least(f.base)/3) {
		return nil
	}
	return carrier.Errorf(carrier.Unmeasurable, "not measured again: the way to %s has changed: %d of %d calls past the proxy were answered, the quickest %v later than before", f.ask.to, fine, n, slower)
}

// Drop implements [carrier.Carrier].
func (f *Fault) Drop() error {
	err := f.leave()
	f.dismiss()
	if f.proxy == nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		_ = f.proxy.finish(ctx, f.ends())
	}()
	if !f.proved { // what was never active leaves nothing, as far as connections let it
		select {
		case <-ctx.Done():
		case <-time.After(3 * time.Second):
		}
	}
	return err
}

func (f *Fault) leave() error {
	if f.proxy == nil {
		return nil
	}
	if err := f.proxies.remove(f.proxy, f.stage); err != nil {
		return errors.Join(errors.New("take the proxy away"), err)
	}
	return nil
}

// Packets counts calls.
func (f *Fault) Packets() carrier.Packets {
	s := f.stage
	return carrier.Packets{Hit: s.hit.Load(), Dropped: s.ended.Load(), Delayed: s.delayed.Load()}
}
