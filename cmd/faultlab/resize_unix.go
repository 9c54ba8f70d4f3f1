//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"faultlab/faults/engine"
)

// resized sends the terminal's size whenever it changes, until ctx ends.
func resized(ctx context.Context, size func() engine.Size) <-chan engine.Size {
	out := make(chan engine.Size)
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGWINCH)
	go func() {
		defer signal.Stop(sig)
		for {
			select {
			case <-sig:
			case <-ctx.Done():
				return
			}
			select {
			case out <- size():
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
