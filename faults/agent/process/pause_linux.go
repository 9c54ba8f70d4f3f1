package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/standin"
)

const (
	stillFor   = 150 * time.Millisecond // without an answer: stopped
	freezeTime = 5 * time.Second
)

// pause stops a target by its freezer. Tracing would stop nothing that starts later,
// and shows; the freezer stops all at once, and the keeper thaws it.
type pause struct {
	base
	group cgroup.Group
	pulse *standin.StandIn
}

// freezer gives the slot of the group's state and the values of running and stopped.
func freezer(g cgroup.Group) (slot ledger.Slot, stop, file string) {
	if g.V2 {
		return ledger.Slot{Group: g, File: "cgroup.freeze"}, "1", "cgroup.events"
	}
	return ledger.Slot{Group: g, File: "freezer.state"}, "FROZEN", "freezer.state"
}

// frozen reads whether all has stopped.
func frozen(g cgroup.Group) (bool, error) {
	_, _, file := freezer(g)
	text, err := g.Read(file)
	return text == "FROZEN" || strings.Contains(text, "frozen 1"), err
}

func (p *pause) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	if p.group, err = cgroup.Of(p.o.Target.PID, "freezer"); err != nil {
		return carrier.Placed{}, err
	}
	slot, stop, _ := freezer(p.group)
	if original, err := p.m.Ledger.Original(slot); err != nil || original == stop {
		if err == nil {
			err = &carrier.Error{Code: carrier.Refused, Message: "the target is paused already", Remedy: "unpause it first: docker unpause"}
		}
		return carrier.Placed{}, err
	}
	already, err := frozen(p.group)
	if err != nil {
		return carrier.Placed{}, err
	}
	if p.pulse, err = standin.Start(ctx, p.m.Child(standin.Role), p.o.Target.PID, p.group); err != nil {
		return carrier.Placed{}, err
	}
	began := time.Now()
	if !already {
		if err := p.pulse.Pulse(ctx); err != nil {
			return carrier.Placed{}, err
		}
	}
	if err := p.m.Ledger.Set(p.o.Keeper, p.o.ID, ledger.Bid{Slot: slot, Value: stop}); err != nil {
		return carrier.Placed{}, err
	}
	for {
		ok, err := frozen(p.group)
		if err != nil {
			return carrier.Placed{}, err
		}
		if ok {
			break
		}
		if time.Since(began) > freezeTime {
			return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "a process of the target did not stop within %v", freezeTime)
		}
		time.Sleep(time.Millisecond)
	}
	quiet, cancel := context.WithTimeout(ctx, stillFor)
	defer cancel()
	if err := p.pulse.Pulse(quiet); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "a process beside the target's still ran: %v", err)
	}
	list, _ := p.group.Processes()
	m := saw("stand-in", p.group.Path, fmt.Sprintf("%d processes stopped; one that answered before was silent for %v", len(list)-1, stillFor))
	m.Lost = 1
	return carrier.Placed{Backend: "cgroup", Measured: m}, nil
}

func (p *pause) Take(ctx context.Context) error {
	if err := p.m.Ledger.Unset(p.o.ID); err != nil {
		return err
	}
	if still, err := frozen(p.group); err == nil && still {
		if slot, stop, _ := freezer(p.group); p.othersPause(slot, stop) {
			p.pulse.Stop()
			return errStricter
		}
	}
	answer, cancel := context.WithTimeout(ctx, freezeTime)
	defer cancel()
	if err := p.pulse.Await(answer); err != nil {
		return carrier.Errorf(carrier.Unproved, "the target still stands: %v", err)
	}
	p.See(saw("stand-in", p.group.Path, "the process that was stopped beside the target's answered"))
	p.pulse.Stop()
	return nil
}

// othersPause says that the state is still one a fault has asked for.
func (p *pause) othersPause(s ledger.Slot, stop string) bool {
	original, err := p.m.Ledger.Original(s)
	return err == nil && original != stop
}

func (p *pause) Drop() error {
	err := p.base.Drop()
	if p.pulse != nil {
		p.pulse.Stop()
	}
	return err
}
