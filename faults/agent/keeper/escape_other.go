//go:build !linux

package keeper

// escape is for where agents run.
func escape() error { return nil }
