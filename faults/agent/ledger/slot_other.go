//go:build !linux

package ledger

import "faultlab/faults/agent/carrier"

var errLinux = carrier.Errorf(carrier.NotSupported, "not supported: limits are set by Linux only")

func (Slot) read() (string, error) { return "", errLinux }

func (Slot) write(string) error { return errLinux }

func gone(error) bool { return false }

func mayRaise() bool { return false }
