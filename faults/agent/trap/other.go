//go:build !linux

package trap

import (
	"encoding/json"

	"faultlab/faults/agent/carrier"
)

var errLinux = carrier.Errorf(carrier.NotSupported, "not supported: traps are for Linux only")

// Holds is for where agents run.
type Holds struct{}

// Release is for where agents run.
func (*Holds) Release(int) int { return 0 }

// Trap is for where agents run.
type Trap struct{}

// Set says that this is no Linux.
func Set(Where, What, *Holds) (*Trap, error) { return nil, errLinux }

// Counts is for where agents run.
func (*Trap) Counts() Counts { return Counts{} }

// Proved is for where agents run.
func (*Trap) Proved() error { return nil }

// Close is for where agents run.
func (*Trap) Close() error { return nil }

// Variable says that this is no Linux.
func Variable(int, string) (uint64, error) { return 0, errLinux }

// Family says that this is no Linux.
func Family(int) (any, error) { return nil, errLinux }

// Resume is for where agents run.
func Resume(json.RawMessage) error { return nil }
