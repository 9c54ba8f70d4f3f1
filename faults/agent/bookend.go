package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"faultlab/faults/agent/carrier"
)

// revert takes an injection away and answers when it is proved gone. One that
// has ended before is given as it ended.
func (b *book) revert(ctx context.Context, id string, state State, reason string) (*Entry, error) {
	b.mu.Lock()
	inj := b.byID[id]
	b.mu.Unlock()
	if inj == nil {
		return nil, errorf(NotFound, "no injection %.80q", id)
	}
	inj.cancel() // one still being injected is wanted no more
	select {
	case <-inj.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if inj.failed {
		return nil, errorf(NotFound, "injection %.80q was never active", id)
	}
	if e, ended := b.ended(inj); ended {
		return e, nil
	}
	leave, err := b.enter(ctx, inj.sp)
	if err != nil {
		if e, ended := b.ended(inj); ended {
			return e, nil
		}
		return nil, err
	}
	defer leave()
	if e, ended := b.ended(inj); ended {
		return e, nil
	}
	packets := inj.carrier.Packets()
	err = inj.carrier.Take(ctx)
	unmeasured := errors.Is(err, &Error{Code: NoProbe})
	if unmeasured || errors.Is(err, &Error{Code: Unmeasurable}) {
		// It is away, and nobody is left to measure against; the record says so.
		reason, err = joinReason(reason, err.Error()), nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-inj.sp.gone():
		err = nil // the effect went with the target
		state, reason = Lost, "the target's process has ended"
	default:
	}
	switch {
	case inj.entry.State != Active: // lost meanwhile
		err = nil
	case err != nil:
		inj.entry.Reason = "not reverted: " + err.Error()
	default:
		inj.entry.Unmeasured = unmeasured && state != Lost
		if w, ok := inj.carrier.(carrier.Witness); ok && !unmeasured && state != Lost {
			inj.entry.Gone = w.Gone()
		}
		b.end(inj, state, reason, packets)
	}
	e := inj.entry
	return &e, err
}

func (b *book) ended(inj *injection) (*Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if inj.entry.State == Active {
		return nil, false
	}
	e := inj.entry
	return &e, true
}

// end records the end of an injection; the book is locked.
func (b *book) end(inj *injection, state State, reason string, p Packets) {
	inj.entry.State, inj.entry.Reason, inj.entry.Packets = state, reason, p
	inj.entry.RevertedAt = time.Now().UTC()
	inj.note()
	inj.timer.Stop()
	if inj.room != nil {
		inj.room.faults--
		inj.room = nil
	}
}

// expire ends an injection whose time is over, and keeps trying when that fails.
func (b *book) expire(inj *injection) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := b.revert(ctx, inj.entry.ID, Expired, timeOver)
	if err != nil {
		b.mu.Lock()
		if !b.closed && inj.entry.State == Active {
			inj.timer = time.AfterFunc(time.Second, func() { b.expire(inj) })
		}
		b.mu.Unlock()
		return
	}
	b.news(*e)
}

// watch ends the injections of a space as lost when its process does.
func (b *book) watch(sp space) {
	<-sp.gone()
	b.mu.Lock()
	var gone []*injection
	var lost []Entry
	for _, inj := range b.order {
		if inj.sp == sp && inj.entry.State == Active {
			b.end(inj, Lost, "the target's process has ended", inj.carrier.Packets())
			gone, lost = append(gone, inj), append(lost, inj.entry)
		}
	}
	open := b.spaces[sp] != nil
	if open {
		b.spaces[sp].users++ // the space must not close before it is cleared
	}
	b.mu.Unlock()
	if open {
		if leave, err := b.wait(context.Background(), sp); err == nil {
			for _, inj := range gone {
				_ = inj.carrier.Drop() // the target is going away; a failure says no more than that
			}
			leave()
		}
	}
	for _, e := range lost {
		b.news(e)
	}
}

// close takes everything away at once, without proofs: nobody is listening.
func (b *book) close() error {
	b.mu.Lock()
	b.closed = true
	spaces := make([]space, 0, len(b.spaces))
	for sp := range b.spaces {
		spaces = append(spaces, sp)
	}
	var active []*injection
	for _, inj := range b.order {
		if inj.entry.State == Active {
			b.end(inj, Reverted, "the agent ended", Packets{})
			active = append(active, inj)
		}
	}
	clear(b.spaces)
	b.mu.Unlock()
	// All at once: one may have to wait for packets it holds back.
	return errors.Join(
		together(spaces, space.clear),
		together(active, func(inj *injection) error { return inj.carrier.Drop() }),
		together(spaces, space.close),
		b.kernel.close())
}

// together does the same to all of a list at the same time and joins the errors.
func together[T any](list []T, do func(T) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, x := range list {
		wg.Go(func() { errs[i] = do(x) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
