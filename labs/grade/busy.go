package grade

import (
	"context"
	"fmt"
	"time"

	"faultlab/labs/sli"
)

// Load is what processors have done up to a moment.
type Load struct {
	Busy, Capacity time.Duration            // of all processors of the engine's machine
	Own            map[string]time.Duration // by the lab's containers, by id
}

// busyMachine is how much of its processors' time a machine must have had no rest, and
// spent on other things than the lab, for what users got late not to count.
const (
	noRest    = .9
	mostOther = .5
)

// tooBusyMS is how late traffic may be of itself, in ms, for its failures to count
// against the system.
const tooBusyMS = 50

// overloaded says why the users' waiting says nothing about the system: their own
// machine was late with sending, or the processors had no rest and worked mostly for
// others. nil: it does. A lab that uses up the processors itself has no excuse.
func (r *Runner) overloaded(ctx context.Context, since *Load, w sli.Window) error {
	if w.LagMS > tooBusyMS {
		return fmt.Errorf("the machine is overloaded: users were %.0f ms late of themselves (%s); grade again when it is calmer", w.LagMS, w.Describe())
	}
	now, err := r.World.Load(ctx)
	if err != nil || since == nil {
		return nil
	}
	busy, others := since.until(now)
	if busy < noRest || others < mostOther {
		return nil
	}
	return fmt.Errorf("the machine is overloaded: its processors were busy for %.0f %% of the time, %.0f %% with other work (%s); grade again when it is calmer",
		100*busy, 100*others, w.Describe())
}

// until gives the shares of the processors' time that were used, and used by others. What
// a container did before it was removed is missing, and counts as the others'.
func (a *Load) until(b *Load) (busy, others float64) {
	own := time.Duration(0)
	for id, cpu := range b.Own {
		own += max(0, cpu-a.Own[id])
	}
	capacity := float64(b.Capacity - a.Capacity)
	if capacity <= 0 {
		return 0, 0
	}
	return float64(b.Busy-a.Busy) / capacity, float64(b.Busy-a.Busy-own) / capacity
}

// load is the machine's load now; nil when it cannot be read.
func (r *Runner) load(ctx context.Context) *Load {
	l, err := r.World.Load(ctx)
	if err != nil {
		return nil
	}
	return l
}
