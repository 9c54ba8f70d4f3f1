//go:build !linux

package service

// PinCode does nothing here; the services run on Linux.
func PinCode() error { return nil }
