package grade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/sli"
)

// restart is V2: the whole stack is made anew from the declared configuration, and
// users must be well again.
// When the lab has a soak, its traffic runs in the same window.
func (r *Runner) restart(ctx context.Context, c catalog.Check) Result {
	old, err := r.World.Services(ctx)
	if err != nil {
		return unknown(err)
	}
	if err := r.World.Recreate(ctx); err != nil {
		return down(ctx, c, err)
	}
	now, err := r.World.Services(ctx)
	if err != nil {
		return unknown(err)
	}
	if kept := survivors(r.World.Inventory(), old, now); len(kept) > 0 {
		return Result{Verdict: Fail, Measured: "not made anew from the declared configuration: " + strings.Join(kept, ", "), Limit: Wanted(c.SLO)}
	}
	from, short := r.wellAgain(ctx, r.load(ctx), Wanted(c.SLO))
	if short != nil {
		return *short
	}
	for _, s := range r.Lab.Checks {
		if s.Kind == "soak" {
			r.soakNow(ctx, s)
			return r.observe(ctx, c, from, max(r.Pace.Window, time.Since(from).Truncate(time.Second)))
		}
	}
	return r.observe(ctx, c, from, r.Pace.Window)
}

// down is a restart after which the system did not come up. One that was broken
// off says nothing.
func down(ctx context.Context, c catalog.Check, err error) Result {
	if ctx.Err() != nil {
		return unknown(ctx.Err())
	}
	return Result{Verdict: Fail, Measured: "the declared configuration does not come up: " + err.Error(), Limit: Wanted(c.SLO)}
}

// survivors names containers of the inventory's services that were not made anew.
func survivors(inv Inventory, old, now map[string][]engine.Container) []string {
	had := map[string]bool{}
	for _, cs := range old {
		for _, c := range cs {
			had[c.ID] = true
		}
	}
	var out []string
	for name := range inv.Services {
		for _, c := range now[name] {
			if had[c.ID] && c.Running() {
				out = append(out, c.Name)
			}
		}
	}
	return out
}

// wellAgain waits until users have recovered, and gives when that was, or the result that
// says that they have not. The load is that of when they were to begin.
func (r *Runner) wellAgain(ctx context.Context, load *Load, limit string) (time.Time, *Result) {
	from, err := r.recovered(ctx)
	if err == nil {
		return from, nil
	}
	var still *notRecovered
	res := unknown(err)
	if errors.As(err, &still) {
		res = Result{Verdict: Fail, Measured: err.Error(), Limit: limit}
		if err := r.overloaded(ctx, load, still.saw); err != nil {
			res = unknown(err)
		}
	}
	return from, &res
}

// notRecovered says that users were still failing when they should be well again.
type notRecovered struct {
	after time.Duration
	saw   sli.Window
}

func (e *notRecovered) Error() string {
	return fmt.Sprintf("users were still failing %v later (%s)", e.after, e.saw.Describe())
}

// recovered waits until users have been well for a while after something was changed.
func (r *Runner) recovered(ctx context.Context) (time.Time, error) {
	began := r.World.Now()
	for {
		now := r.World.Now()
		from := now.Add(-settle)
		w := r.World.Window(from, now, sli.Filter{})
		if !from.Before(began) && w.N > 0 && w.OK == w.N {
			return now, nil
		}
		if now.Sub(began) > r.Pace.Recover {
			return now, &notRecovered{now.Sub(began), w}
		}
		if err := r.World.WaitUntil(ctx, now.Add(time.Second)); err != nil {
			return now, fmt.Errorf("traffic stopped reporting: %w", err)
		}
	}
}
