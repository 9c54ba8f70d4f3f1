package process

import (
	"context"
	"errors"
	"fmt"
	"os"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/standin"
)

// lacks explains a file that a group should have.
func lacks(controller string, err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: the container has no %s controller: %v", controller, err),
		Remedy: "enable the " + controller + " controller for the engine's control groups"}
}

// gone reads a slot again after a value was taken from it and asks felt, unless the
// group has gone.
func gone(s ledger.Slot, was string, g cgroup.Group, felt func(now string) error) error {
	now, err := g.Read(s.File)
	if err != nil {
		return nil // gone with the target
	}
	return felt(now)
}

// errStricter says that a value is away and nobody could feel that.
var errStricter = carrier.Errorf(carrier.NoProbe, "not measured again: another limit, or another fault's, is as strict")

// standIn starts a process in a group of the target's. In a group of version 2 that is
// stopped it would stop too, and measure nothing.
func (b *base) standIn(ctx context.Context, g cgroup.Group) (*standin.StandIn, error) {
	if still, err := frozen(g); g.V2 && err == nil && still {
		return nil, &carrier.Error{Code: carrier.NoProbe, Message: "nothing can be measured in the target: it is paused", Remedy: "end the pause first"}
	}
	return standin.Start(ctx, b.m.Child(standin.Role), b.o.Target.PID, g)
}
