package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/endpoint"
)

// Remove takes away everything of a lab: control first, so that nothing is made
// anew, then the other containers, networks and volumes. It goes on after errors
// and joins them. keep is the id of a container to leave (the one that runs this),
// or "". done, if given, is called with what was removed.
func Remove(ctx context.Context, e *engine.Engine, id, keep string, done func(string)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	say := func(format string, a ...any) {
		if done != nil {
			done(fmt.Sprintf(format, a...))
		}
	}
	// What compose had asked for may still come: a container whose volume is being
	// filled is in no list yet, but its volume and its networks are in use.
	began := time.Now()
	for {
		found, err := removePass(ctx, e, id, keep, say)
		if !found && err == nil {
			return nil
		}
		if err == nil {
			continue
		}
		if time.Since(began) > staleAfter {
			if stale := staleNetwork(ctx, e, id, keep, err); stale != nil {
				return stale
			}
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// staleAfter is how long a network without containers may count as in use before the
// engine is taken to have lost count.
const staleAfter = 15 * time.Second

// staleNetwork explains an error that no waiting mends: the engine may go on counting
// an endpoint on a network that has none (seen with 20.10; moby/moby issue 42119).
// nil means that it is another matter.
func staleNetwork(ctx context.Context, e *engine.Engine, id, keep string, err error) error {
	if !strings.Contains(err.Error(), "has active endpoints") {
		return nil
	}
	cs, lerr := e.List(ctx, label(id))
	if lerr != nil || slices.ContainsFunc(cs, func(c engine.Container) bool { return c.ID != keep }) {
		return nil
	}
	return &LostCount{Problem{"the engine has lost count of the containers on a network of lab " + id + " and cannot remove it; all else of the lab is gone",
		"restart the engine when convenient (systemctl restart docker), then: faultlab stop " + id}}
}

// LostCount is the error of a network that cannot be removed until the engine is
// restarted, through a defect of the engine's own.
type LostCount struct{ Problem }

// removePass removes what there is, control first, and tells whether there was anything.
func removePass(ctx context.Context, e *engine.Engine, id, keep string, say func(string, ...any)) (found bool, err error) {
	if err := e.Remove(ctx, Name(id, RoleControl)); err != nil {
		return false, err
	}
	cs, err := e.List(ctx, label(id))
	errs := []error{err}
	for _, c := range cs {
		found = found || c.ID != keep
	}
	errs = append(errs, removeAll(ctx, e, cs, keep, say)...)
	nets, err := e.Networks(ctx, label(id))
	errs = append(errs, err)
	for _, n := range nets {
		found = true
		if err := e.RemoveNetwork(ctx, n.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		say("network %s", n.Name)
	}
	vols, err := e.Volumes(ctx, label(id))
	errs = append(errs, err)
	for _, v := range vols {
		found = true
		if err := e.RemoveVolume(ctx, v.Name); err != nil {
			errs = append(errs, err)
			continue
		}
		say("volume %s", v.Name)
	}
	return found, errors.Join(errs...)
}

// removeAll removes containers at the same time, those that docker compose may be
// running in before the others.
func removeAll(ctx context.Context, e *engine.Engine, cs []engine.Container, keep string, say func(string, ...any)) []error {
	var mu sync.Mutex
	var errs []error
	for _, bastion := range []bool{true, false} {
		var wg sync.WaitGroup
		for _, c := range cs {
			role := c.Labels[endpoint.LabelRole]
			if c.ID == keep || (role == RoleBastion || role == RoleDeploy) != bastion {
				continue
			}
			wg.Go(func() {
				err := e.Remove(ctx, c.ID)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					errs = append(errs, err)
					return
				}
				say("container %s", c.Name)
			})
		}
		wg.Wait()
	}
	return errs
}
