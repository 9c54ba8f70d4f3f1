package process

import (
	"errors"
	"fmt"
	"os"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
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
