package control

import (
	"context"
	"errors"
	"fmt"
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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	say := func(format string, a ...any) {
		if done != nil {
			done(fmt.Sprintf(format, a...))
		}
	}
	var errs []error
	if err := e.Remove(ctx, Name(id, RoleControl)); err != nil {
		errs = append(errs, err)
	}
	// Compose, run in the bastion, may still be creating containers: the bastion
	// goes next, and the list is asked for until it is empty.
	for range 10 {
		cs, err := e.List(ctx, label(id))
		if err != nil {
			errs = append(errs, err)
			break
		}
		left := removeAll(ctx, e, cs, keep, say)
		if left == nil {
			break
		}
		errs = append(errs, left...)
	}
	nets, err := e.Networks(ctx, label(id))
	errs = append(errs, err)
	for _, n := range nets {
		if err := e.RemoveNetwork(ctx, n.ID); err != nil {
			errs = append(errs, err)
			continue
		}
		say("network %s", n.Name)
	}
	vols, err := e.Volumes(ctx, label(id))
	errs = append(errs, err)
	for _, v := range vols {
		if err := e.RemoveVolume(ctx, v.Name); err != nil {
			errs = append(errs, err)
			continue
		}
		say("volume %s", v.Name)
	}
	return errors.Join(errs...)
}

// removeAll removes containers at the same time, the bastion before the others.
// It gives nil when nothing was there to remove.
func removeAll(ctx context.Context, e *engine.Engine, cs []engine.Container, keep string, say func(string, ...any)) []error {
	var found bool
	var mu sync.Mutex
	errs := []error{}
	for _, bastion := range []bool{true, false} {
		var wg sync.WaitGroup
		for _, c := range cs {
			if c.ID == keep || (c.Labels[endpoint.LabelRole] == RoleBastion) != bastion {
				continue
			}
			found = true
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
	if !found {
		return nil
	}
	return errs
}
