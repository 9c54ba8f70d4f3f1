package process

import (
	"context"
	"fmt"
	"strconv"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
)

// maxForks bounds the processes that are made to reach a limit.
const maxForks = 2000

// pidLimit sets how many tasks a control group may have.
type pidLimit struct {
	base
	limit int
	group cgroup.Group
	slot  ledger.Slot
}

func (p *pidLimit) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	if p.group, err = cgroup.Of(p.o.Target.PID, "pids"); err != nil {
		return carrier.Placed{}, err
	}
	p.slot = ledger.Slot{Group: p.group, File: "pids.max"}
	original, err := p.m.Ledger.Original(p.slot)
	if err != nil {
		return carrier.Placed{}, lacks("pids", err)
	}
	used := p.used()
	value := strconv.Itoa(p.limit)
	switch {
	case ledger.Strictness(original) <= float64(p.limit):
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "limit is %d; want below %s, which the container has without the fault", p.limit, original)
	case p.limit > used+maxForks:
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "limit is %d; want at most %d: the container has %d, and a limit further off is not proved", p.limit, used+maxForks, used)
	}
	s, err := p.standIn(ctx, p.group)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer s.Stop()
	if err := p.m.Ledger.Set(p.o.Keeper, p.o.ID, ledger.Bid{Slot: p.slot, Value: value}); err != nil {
		return carrier.Placed{}, err
	}
	n, refused, err := s.Fork(ctx, p.limit+1)
	if err != nil {
		return carrier.Placed{}, err
	}
	if !refused {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "effect not seen: %d processes could be made with a limit of %d", n, p.limit)
	}
	return carrier.Placed{Backend: "cgroup", Measured: saw("stand-in", p.group.Path, fmt.Sprintf("fork failed with EAGAIN after %d processes more; the container had %d of %s", n, used, value))}, nil
}

// used is how many tasks there are.
func (p *pidLimit) used() int {
	text, _ := p.group.Read("pids.current")
	n, _ := strconv.Atoi(text)
	return n
}

func (p *pidLimit) Take(ctx context.Context) error {
	if err := p.m.Ledger.Unset(p.o.ID); err != nil {
		return err
	}
	return gone(p.slot, strconv.Itoa(p.limit), p.group, func(now string) error {
		if ledger.Strictness(now) <= float64(p.limit) {
			return errStricter
		}
		s, err := p.standIn(ctx, p.group)
		if err != nil {
			return err
		}
		defer s.Stop()
		want := max(1, p.limit-p.used()+1)
		if n, refused, err := s.Fork(ctx, want); err != nil || refused {
			return carrier.Errorf(carrier.Unproved, "effect still seen: fork failed after %d processes (%v)", n, err)
		}
		p.See(saw("stand-in", p.group.Path, fmt.Sprintf("%d processes more could be made", want)))
		return nil
	})
}
