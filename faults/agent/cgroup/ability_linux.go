package cgroup

import (
	"os"

	"faultlab/faults/agent/carrier"
)

// users are the kinds of faults that need a controller.
var users = []struct{ controller, kinds string }{
	{"blkio", "disk-slow"},
	{"cpu", "cpu-throttle"},
	{"freezer", "pause"},
	{"memory", "memory-limit, memory-pressure"},
	{"pids", "pid-limit"},
}

// Abilities says which controllers are there and can be reached, by looking at this
// process's own groups.
func Abilities() []carrier.Ability {
	var out []carrier.Ability
	for _, u := range users {
		a := carrier.Ability{Name: "control group of " + u.controller, OK: true, Detail: "can be reached, for " + u.kinds}
		g, err := Of(os.Getpid(), u.controller)
		if err == nil {
			_, err = g.Processes()
		}
		if err != nil {
			a.OK, a.Detail = false, err.Error()+"; "+u.kinds+" cannot be used"
			a.Remedy = "use a kernel and an engine with the " + u.controller + " controller, and an engine that lets a privileged container mount it"
		}
		out = append(out, a)
	}
	return out
}
