package agent

import (
	"context"
	"errors"
	"fmt"
	"io"

	"faultlab/faults/engine"
)

// handOver attaches to the stdin of a container that is about to start, and gives what
// writes the input there and closes it. Without input there is nothing to do.
func handOver(ctx context.Context, e *engine.Engine, id, input string) (hand func() error, err error) {
	if input == "" {
		return func() error { return nil }, nil
	}
	in, err := e.Attach(ctx, id)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { in.Close() })
	return func() error {
		_, err := io.WriteString(in, input)
		if err = errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("hand the helper its input: %w", err)
		}
		return nil
	}, nil
}
