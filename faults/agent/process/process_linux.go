// Package process carries faults on processes and on what they may use.
package process

import (
	"os/exec"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/ledger"
)

// Machine is what carriers of one agent share.
type Machine struct {
	Ledger *ledger.Ledger
	Child  func(role string) *exec.Cmd // of the agent's executable
}

// Carry gives the carrier of an order for a fault on processes, or nil.
func (m Machine) Carry(o carrier.Order) (carrier.Carrier, error) {
	b := base{m: m, o: o}
	switch f := o.Fault.(type) {
	case faults.Kill:
		return &kill{base: b, fault: f}, nil
	case faults.CrashLoop:
		return &crash{base: b, fault: f}, nil
	case faults.Pause:
		return &pause{base: b}, nil
	case faults.CPUThrottle:
		return &throttle{base: b, fault: f}, nil
	case faults.PidLimit:
		return &pidLimit{base: b, limit: f.Limit}, nil
	case faults.FDLimit:
		return &fdLimit{base: b, limit: f.Limit}, nil
	case faults.MemoryLimit:
		return &memoryLimit{base: b, limit: f.MiB}, nil
	case faults.ClockSkew:
		what, remedy := f.Missing()
		return nil, &carrier.Error{Code: carrier.NotSupported, Message: "not supported: " + what, Remedy: remedy}
	case faults.MemoryPressure:
		return &pressure{base: b, fault: f}, nil
	}
	return nil, nil
}

// base is what the carriers here have in common: their values are in the ledger.
type base struct {
	carrier.Seen
	m Machine
	o carrier.Order
}

func (b *base) Drop() error { return b.m.Ledger.Unset(b.o.ID) }

func (b *base) Packets() carrier.Packets { return carrier.Packets{} }

// saw is a measurement in words.
func saw(method, where, text string) *carrier.Measurement {
	return &carrier.Measurement{Method: method, Address: where, Probes: 1, Saw: text}
}
