package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// maxInjections bounds the active injections of one agent, maxEnded the ended ones it remembers.
const (
	maxInjections = 256
	maxEnded      = 1024
)

// injectTime is the longest that putting a fault in place may take, with all its measurements.
const injectTime = 2 * time.Minute

// book keeps the injections of one agent and what becomes of them.
type book struct {
	kernel kernel
	keeper carrier.Keeper
	news   func(Entry) // an injection ended by itself

	mu     sync.Mutex
	byID   map[string]*injection
	order  []*injection
	spaces map[space]*room
	closed bool
}

// room makes work in one space take turns.
type room struct {
	turn   chan struct{}
	users  int
	faults int // in place
}

// injection is one fault of the book. Its fields are guarded by the book's mu,
// except carrier and sp, which are fixed once ready is closed.
type injection struct {
	entry  Entry
	ready  chan struct{}      // closed when injecting has succeeded or failed
	cancel context.CancelFunc // ends the injecting
	failed bool
	timer  *time.Timer

	carrier carrier.Carrier
	sp      space
	room    *room // of sp, while the fault is in place
}

func newBook(k kernel, keeper carrier.Keeper, news func(Entry)) *book {
	return &book{kernel: k, keeper: keeper, news: news, byID: map[string]*injection{}, spaces: map[space]*room{}}
}

// begin checks a request and enters it into the book, so that a revert which
// comes after it finds it. What it gives does the work and answers when the
// fault is proved, or undone.
func (b *book) begin(ctx context.Context, req InjectRequest) (func() (*Entry, error), error) {
	if err := req.validate(); err != nil {
		return nil, err
	}
	ttl, err := req.ttl()
	if err != nil {
		return nil, err
	}
	f, err := faults.Decode(req.Kind, req.Params)
	if err != nil {
		return nil, errorf(BadRequest, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, injectTime)
	inj := &injection{
		entry: Entry{ID: req.ID, Kind: req.Kind, Target: req.targetName(), PID: req.PID,
			Set: faults.Redact(req.Kind, req.Params), RequestedAt: time.Now().UTC()},
		ready: make(chan struct{}), cancel: cancel,
	}
	if err := b.register(inj); err != nil {
		cancel()
		return nil, err
	}
	return func() (*Entry, error) {
		defer cancel()
		err := b.place(ctx, inj, f, req, ttl)
		b.mu.Lock()
		defer b.mu.Unlock()
		if err != nil {
			inj.failed = true
			b.forget(inj)
		}
		close(inj.ready)
		if err != nil {
			return nil, err
		}
		e := inj.entry
		return &e, nil
	}, nil
}

// place does the work of inject in the target's space.
func (b *book) place(ctx context.Context, inj *injection, f faults.Fault, req InjectRequest, ttl time.Duration) error {
	sp, leave, err := b.open(ctx, req.PID)
	if err != nil {
		return err
	}
	defer leave()
	inj.sp = sp
	inj.carrier, err = b.kernel.carrier(sp, carrier.Order{ID: req.ID, Fault: f, Seed: req.Seed, SeedOptional: req.SeedOptional, Probes: req.Probes,
		Target: carrier.Target{Name: req.targetName(), PID: req.PID, InNetwork: sp.do}, Keeper: b.keeper})
	if err != nil {
		return err
	}
	placed, err := inj.carrier.Place(ctx)
	if placed.Done == "" && placed.Follows == "" {
		select {
		case <-sp.gone():
			err = errorf(TargetGone, "process %d of the target has ended", req.PID)
		default:
		}
	}
	if err != nil {
		return errors.Join(err, inj.carrier.Drop())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now().UTC()
	e := &inj.entry
	e.Backend, e.Measured, e.Seed, e.State = placed.Backend, placed.Measured, placed.Seed, Active
	e.ActiveAt, e.EndsAt = now, now.Add(ttl)
	inj.note()
	inj.timer = time.AfterFunc(ttl, func() { b.expire(inj) })
	if placed.Done != "" {
		b.end(inj, Expired, placed.Done, inj.carrier.Packets())
		return nil
	}
	if placed.Follows != "" {
		b.end(inj, Lost, placed.Follows, inj.carrier.Packets())
		return nil
	}
	inj.room = b.spaces[sp]
	inj.room.faults++
	return nil
}

func (b *book) register(inj *injection) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errorf(Dead, "the agent is ending")
	}
	if _, ok := b.byID[inj.entry.ID]; ok {
		return errorf(BadRequest, "injection id %q is taken", inj.entry.ID)
	}
	active := 0
	for _, i := range b.order {
		if i.entry.RevertedAt.IsZero() {
			active++
		}
	}
	if active >= maxInjections {
		return errorf(BadRequest, "%d injections are active; want fewer than %d", active, maxInjections)
	}
	if len(b.order)-active >= maxEnded {
		i := slices.IndexFunc(b.order, func(i *injection) bool { return !i.entry.RevertedAt.IsZero() })
		b.forget(b.order[i])
	}
	b.byID[inj.entry.ID] = inj
	b.order = append(b.order, inj)
	return nil
}

func (b *book) forget(inj *injection) {
	delete(b.byID, inj.entry.ID)
	b.order = slices.DeleteFunc(b.order, func(i *injection) bool { return i == inj })
}

// open enters the space of a process and waits for the turn in it.
func (b *book) open(ctx context.Context, pid int) (space, func(), error) {
	b.mu.Lock()
	sp, err := b.kernel.open(pid)
	if err != nil {
		b.mu.Unlock()
		return nil, nil, err
	}
	if b.spaces[sp] == nil {
		b.spaces[sp] = &room{turn: make(chan struct{}, 1)}
		go b.watch(sp)
	}
	// Counted before the lock is given up, so that the space cannot close in between.
	b.spaces[sp].users++
	b.mu.Unlock()
	leave, err := b.wait(ctx, sp)
	return sp, leave, err
}

// enter waits for the turn in a space that is open.
func (b *book) enter(ctx context.Context, sp space) (leave func(), err error) {
	b.mu.Lock()
	r := b.spaces[sp]
	if r == nil {
		b.mu.Unlock()
		return nil, errorf(TargetGone, "the target's network namespace is closed")
	}
	r.users++
	b.mu.Unlock()
	return b.wait(ctx, sp)
}

// wait is for one counted as a user of the space. The space closes when the
// last user leaves and nothing is installed.
func (b *book) wait(ctx context.Context, sp space) (leave func(), err error) {
	b.mu.Lock()
	r := b.spaces[sp]
	b.mu.Unlock()
	quit := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		r.users--
		if r.users == 0 && r.faults == 0 && b.spaces[sp] == r {
			delete(b.spaces, sp)
			_ = sp.close() // nothing is installed any more
		}
	}
	select {
	case r.turn <- struct{}{}:
		return func() { <-r.turn; quit() }, nil
	case <-ctx.Done():
		quit()
		return nil, ctx.Err()
	}
}

// status lists the injections in order, with packet counts of now.
func (b *book) status() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Entry{}
	for _, inj := range b.order {
		if inj.entry.State == "" {
			continue // still being injected
		}
		out = append(out, b.current(inj))
	}
	return out
}

func (b *book) current(inj *injection) Entry {
	if inj.entry.State == Active {
		inj.entry.Packets = inj.carrier.Packets()
		inj.note()
	}
	return inj.entry
}

// note puts what the carrier noted on record; the book is locked.
func (inj *injection) note() {
	if n, ok := inj.carrier.(carrier.Noter); ok {
		inj.entry.Notes = n.Notes()
	}
}

// joinReason appends a sentence to a reason.
func joinReason(parts ...string) string {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	return strings.Join(parts, "; ")
}

// newSeed picks a seed for an effect that asks for none. It fits in 53 bits, so that it survives any JSON reader.
func newSeed() uint64 { return rand.Uint64N(1<<53-1) + 1 }
