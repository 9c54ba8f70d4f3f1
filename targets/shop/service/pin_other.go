//go:build !linux

package service

import "context"

// PinCode does nothing here; the services run on Linux.
func PinCode(context.Context) error { return nil }
