package grade

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
)

// Inventory is the shape of the healthy system.
type Inventory struct {
	Services map[string]Shape `json:"services"`
}

// Shape is what is kept of one service.
type Shape struct {
	Replicas    int      `json:"replicas"`
	MemoryBytes int64    `json:"memory_bytes"` // limit of each
	Entrypoint  []string `json:"entrypoint"`
	Labels      []string `json:"labels"` // place and region
}

// Take makes the inventory of what runs now.
func Take(services map[string][]engine.Container) Inventory {
	inv := Inventory{Services: map[string]Shape{}}
	for name, cs := range services {
		sh := Shape{Replicas: len(cs)}
		if len(cs) > 0 {
			sh.MemoryBytes, sh.Entrypoint = cs[0].MemoryLimit, cs[0].Entrypoint
		}
		inv.Services[name] = sh
	}
	return inv
}

// envelope is how far a memory limit may be moved from where it was and still
// count as the same system.
const envelope = .25

// shape is V5: every service of the inventory is there, running, as often as
// before or more, with a memory limit near the one it had, and started as its
// image starts it.
func (r *Runner) shape(ctx context.Context, c catalog.Check) Result {
	now, err := r.World.Services(ctx)
	if err != nil {
		return unknown(err)
	}
	bad := Misshapen(r.World.Inventory(), now)
	res := Result{Limit: fmt.Sprintf("every service runs as often as before, memory limits within %.0f %% of what they were", envelope*100), Verdict: verdict(len(bad) > 0)}
	if res.Measured = strings.Join(bad, "; "); len(bad) == 0 {
		res.Measured = fmt.Sprintf("all %d services are there", len(r.World.Inventory().Services))
	}
	return res
}

// Misshapen says what differs from the inventory for the worse.
func Misshapen(inv Inventory, now map[string][]engine.Container) []string {
	var bad []string
	for name, want := range inv.Services {
		running := 0
		for _, c := range now[name] {
			if c.Running() {
				running++
			}
			switch {
			case want.MemoryBytes > 0 && c.MemoryLimit == 0:
				bad = append(bad, fmt.Sprintf("%s has no memory limit; it was %d MiB", name, want.MemoryBytes>>20))
			case want.MemoryBytes > 0 && outside(c.MemoryLimit, want.MemoryBytes):
				bad = append(bad, fmt.Sprintf("%s has a memory limit of %d MiB; it was %d MiB", name, c.MemoryLimit>>20, want.MemoryBytes>>20))
			}
			if !slices.Equal(c.Entrypoint, want.Entrypoint) {
				bad = append(bad, fmt.Sprintf("%s is not started as its image starts it", name))
			}
		}
		if running < want.Replicas {
			bad = append(bad, fmt.Sprintf("%d of %s run; there were %d", running, name, want.Replicas))
		}
	}
	sort.Strings(bad)
	return slices.Compact(bad)
}

func outside(now, was int64) bool {
	return float64(now) > (1+envelope)*float64(was) || float64(now) < (1-envelope)*float64(was)
}

// injector is V8: what breaks the system was out of reach and in force all along.
func (r *Runner) injector(_ context.Context, c catalog.Check) Result {
	ok, why := r.World.Injector()
	res := Result{Measured: why, Limit: "in force and untouched since the beginning", Verdict: Pass}
	if !ok {
		// Not the trainee's failure: what they fixed may not have been broken.
		res.Verdict, res.Why = Unknown, "the incident cannot be graded any more; stop this lab and start it again"
	}
	return res
}

// owner is part of V5: what is not ours to mend was handed to those whose it is.
func (r *Runner) owner(_ context.Context, c catalog.Check) Result {
	ok := r.World.Told(c.Team)
	res := Result{Measured: "the team that can mend it was told", Limit: "the right team is told, with the right facts", Verdict: verdict(!ok)}
	if !ok {
		res.Measured = "nobody who can mend the cause has been told of it"
	}
	return res
}
