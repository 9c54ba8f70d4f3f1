package grade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/places"
)

// Inventory is the shape of the healthy system.
type Inventory struct {
	Services map[string]Shape `json:"services"`
	Goods    string           `json:"goods,omitempty"` // what GoodsSQL gave; only for labs with a check of goods

	Names map[string]string `json:"names,omitempty"` // the resolver's answers, as Resolve gives them; only for labs with a check of names
}

// Shape is what is kept of one service.
type Shape struct {
	Replicas    int               `json:"replicas"`
	MemoryBytes int64             `json:"memory_bytes"` // limit of each
	Entrypoint  []string          `json:"entrypoint"`
	Cmd         []string          `json:"cmd"`
	Path        string            `json:"path"`           // where its programs are looked for
	Mounts      map[string]string `json:"mounts"`         // destination -> name of the volume, "" for a path
	Restart     string            `json:"restart"`        // policy
	Checked     bool              `json:"health_checked"` // it has a health check
	NoSwap      bool              `json:"no_swap"`        // memory and swap together have the same limit
	Place       string            `json:"place"`          // the zone it runs in, by its label
}

// Take makes the inventory of what runs now.
func Take(services map[string][]engine.Container) Inventory {
	inv := Inventory{Services: map[string]Shape{}}
	for name, cs := range services {
		var sh Shape
		for _, c := range cs {
			if c.State == "running" {
				sh.Replicas++
				sh.MemoryBytes, sh.Place = c.MemoryLimit, c.Labels[places.Label]
				sh.NoSwap = c.MemoryLimit > 0 && c.SwapLimit == c.MemoryLimit
				sh.Entrypoint, sh.Cmd, sh.Path = c.Entrypoint, c.Cmd, c.Env["PATH"]
				sh.Restart, sh.Mounts, sh.Checked = c.RestartPoly, mounts(c), checked(c)
			}
		}
		if sh.Replicas > 0 {
			inv.Services[name] = sh
		}
	}
	return inv
}

// Knows tells whether a service was there before the incident.
func (inv Inventory) Knows(service string) bool {
	_, ok := inv.Services[service]
	return ok
}

// places are the zones that there are.
func (inv Inventory) places() []string {
	var out []string
	for _, s := range inv.Services {
		if s.Place != "" {
			out = append(out, s.Place)
		}
	}
	return out
}

// envelope is how far a memory limit may be moved from where it was and still
// count as the same system.
const envelope = .25

// shape is V5: every service of the inventory is there, running, as often as
// before or more, with a memory limit near the one it had, started as its image
// starts it, from the same program and with the same data.
func (r *Runner) shape(ctx context.Context, c catalog.Check) Result {
	now, err := r.World.Services(ctx)
	if err != nil {
		return unknown(err)
	}
	if len(r.World.Inventory().Services) == 0 {
		return unknown(errors.New("there is no inventory of the healthy system to compare with"))
	}
	bad := Misshapen(r.World.Inventory(), now)
	res := Result{Limit: fmt.Sprintf("every service runs as often as before, memory limits within %.0f %% of what they were; programs, mounts and restart policies are the same", envelope*100), Verdict: verdict(len(bad) > 0)}
	if res.Measured = strings.Join(bad, "; "); len(bad) == 0 {
		res.Measured = fmt.Sprintf("all %d services are there", len(r.World.Inventory().Services))
	}
	return res
}

// Misshapen says what differs from the inventory for the worse. What was added
// must keep the rules of the house too: a memory limit, and a zone that exists.
func Misshapen(inv Inventory, now map[string][]engine.Container) []string {
	var bad []string
	zones := inv.places()
	for name, want := range inv.Services {
		running := 0
		for _, c := range now[name] {
			if c.State == "running" { // a paused one serves nobody
				running++
			}
			bad = append(bad, differs(name, want, c)...)
		}
		if running < want.Replicas {
			bad = append(bad, fmt.Sprintf("%d of %s run; there were %d", running, name, want.Replicas))
		}
	}
	for name, cs := range now {
		for _, c := range cs {
			if !c.Running() {
				continue
			}
			if len(zones) > 0 && !slices.Contains(zones, c.Labels[places.Label]) {
				bad = append(bad, fmt.Sprintf("%s is in zone %q, which does not exist", name, c.Labels[places.Label]))
			}
			if !inv.Knows(name) && c.MemoryLimit == 0 {
				bad = append(bad, fmt.Sprintf("%s was added without a memory limit", name))
			}
		}
	}
	sort.Strings(bad)
	return slices.Compact(bad)
}

func differs(name string, want Shape, c engine.Container) []string {
	var bad []string
	switch {
	case want.MemoryBytes > 0 && c.MemoryLimit == 0:
		bad = append(bad, fmt.Sprintf("%s has no memory limit; it was %d MiB", name, want.MemoryBytes>>20))
	case want.MemoryBytes > 0 && outside(c.MemoryLimit, want.MemoryBytes):
		bad = append(bad, fmt.Sprintf("%s has a memory limit of %d MiB; it was %d MiB", name, c.MemoryLimit>>20, want.MemoryBytes>>20))
	case want.NoSwap && c.SwapLimit != c.MemoryLimit:
		bad = append(bad, fmt.Sprintf("%s may swap; it could not before", name))
	}
	if !slices.Equal(c.Entrypoint, want.Entrypoint) || !slices.Equal(c.Cmd, want.Cmd) || c.Env["PATH"] != want.Path {
		bad = append(bad, fmt.Sprintf("%s is not started as its image starts it", name))
	}
	return append(bad, remade(name, want, c)...)
}

func outside(now, was int64) bool {
	return float64(now) > (1+envelope)*float64(was) || float64(now) < (1-envelope)*float64(was)
}

// injector is V8: what breaks the system was out of reach and in force all along.
func (r *Runner) injector(_ context.Context, c catalog.Check) Result {
	ok, why := r.World.Injector()
	res := Result{Measured: why, Limit: "in force and untouched; what is missing is told", Verdict: Pass}
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
		res.Measured = "nobody who can mend the cause has been told of it, or only after guesses about what was in order"
	}
	return res
}
