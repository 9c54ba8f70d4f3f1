package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
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
	packets := inj.sp.packets(id)
	err = inj.sp.uninstall(id)
	if err == nil {
		err = proveGone(ctx, inj.sp, inj.effect, inj.route)
		if errors.Is(err, &Error{Code: NoProbe}) {
			// The rules are away, and nobody is left to measure against; the record says so.
			reason, err = joinReason(reason, err.Error()), nil
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-inj.sp.gone():
		err = nil // the effect went with the target
		state, reason = Lost, "the target's process has ended"
	default:
	}
	if err != nil {
		inj.entry.Reason = "not reverted: " + err.Error()
		e := inj.entry
		return &e, err
	}
	b.end(inj, state, reason, packets)
	e := inj.entry
	return &e, nil
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
	inj.timer.Stop()
}

// expire ends an injection whose time is over, and keeps trying when that fails.
func (b *book) expire(inj *injection) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := b.revert(ctx, inj.entry.ID, Expired, "its time to live was over")
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
	var lost []Entry
	for _, inj := range b.order {
		if inj.sp == sp && inj.entry.State == Active {
			b.end(inj, Lost, "the target's process has ended", sp.packets(inj.entry.ID))
			lost = append(lost, inj.entry)
		}
	}
	b.mu.Unlock()
	if leave, err := b.enter(context.Background(), sp); err == nil {
		for _, e := range sp.effects() {
			_ = sp.uninstall(e.id) // the namespace is going away; a failure says no more than that
		}
		leave()
	}
	for _, e := range lost {
		b.news(e)
	}
}

// close takes everything away at once, without proofs: nobody is listening.
func (b *book) close() error {
	b.mu.Lock()
	b.closed = true
	var errs []error
	spaces := make([]space, 0, len(b.spaces))
	for sp := range b.spaces {
		spaces = append(spaces, sp)
	}
	for _, inj := range slices.Clone(b.order) {
		if inj.entry.State == Active {
			b.end(inj, Reverted, "the agent ended", Packets{})
		}
	}
	clear(b.spaces)
	b.mu.Unlock()
	// All at once: one may have to wait for packets it holds back.
	closed := make([]error, len(spaces))
	var wg sync.WaitGroup
	for i, sp := range spaces {
		wg.Go(func() { closed[i] = sp.close() })
	}
	wg.Wait()
	errs = append(errs, closed...)
	errs = append(errs, b.kernel.close())
	return errors.Join(errs...)
}
