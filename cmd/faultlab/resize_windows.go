package main

import (
	"context"

	"faultlab/faults/engine"
)

// resized never sends: this system has no signal for a changed terminal.
func resized(context.Context, func() engine.Size) <-chan engine.Size { return nil }
