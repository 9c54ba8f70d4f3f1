package grade

import (
	"context"
	"fmt"
	"time"

	"faultlab/labs/catalog"
)

// alive is what services held after a collection, and had answered, at one moment.
type alive struct {
	heap     map[string]map[string]float64 // bytes, by service and container
	answered map[string]float64            // by service
	err      error
}

func (r *Runner) alive(ctx context.Context, c catalog.Check) (a alive) {
	if a.heap, a.err = r.World.Live(ctx, c.Services); a.err != nil {
		return a
	}
	a.answered, a.err = r.World.Handled(ctx, c.Services)
	return a
}

// half takes a reading when half of a soak is over: the first half fills what has a bound.
func (r *Runner) half(ctx context.Context, c catalog.Check) <-chan alive {
	out := make(chan alive, 1)
	go func() {
		select {
		case <-ctx.Done():
			out <- alive{err: ctx.Err()}
		case <-time.After(c.Lasting / 2):
			out <- r.alive(ctx, c)
		}
	}()
	return out
}

// kept is the growth of what is alive, in KiB per request of the service that grows
// most. What a process takes from the kernel grows in steps, and not at all while there
// is head room left for the collector: a leak that is spread over replicas hides there
// for longer than a soak lasts.
func (a alive) kept(b alive) (kib float64, err error) {
	if a.err != nil || b.err != nil {
		return 0, fmt.Errorf("what is alive in memory could not be read: %w", firstError(a.err, b.err))
	}
	for service, now := range b.heap {
		bytes := 0.0
		for id, n := range now {
			if before, was := a.heap[service][id]; was {
				bytes += max(0, n-before)
			}
		}
		if n := b.answered[service] - a.answered[service]; n >= fewRequests {
			kib = max(kib, bytes/n/1024)
		}
	}
	return kib, nil
}

// fewRequests say nothing about growth: what else moves in a heap is more. A service
// that answers so few is red as idle.
const fewRequests = 20

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
