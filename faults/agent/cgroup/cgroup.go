// Package cgroup finds the control groups of a process and reads and writes their
// files, in both versions, wherever the machine has them mounted, or nowhere.
package cgroup

import (
	"slices"
	"strings"

	"faultlab/faults/agent/carrier"
)

// Group is one control group of one controller. It can be written down and found again.
type Group struct {
	V2    bool   `json:"v2,omitempty"`
	Mount string `json:"mount,omitempty"` // v1: the controllers of its hierarchy, as the kernel names them
	Path  string `json:"path"`            // from the root of the hierarchy
}

// parse reads what /proc/PID/cgroup says: the groups by hierarchy.
func parse(text string) []Group {
	var out []Group
	for l := range strings.Lines(text) {
		id, rest, ok := strings.Cut(strings.TrimSpace(l), ":")
		controllers, path, ok2 := strings.Cut(rest, ":")
		if ok && ok2 && path != "" {
			out = append(out, Group{V2: id == "0" && controllers == "", Mount: controllers, Path: path})
		}
	}
	return out
}

// find gives the group that a controller works on: of version 1 where the
// controller has a hierarchy there, of version 2 otherwise.
func find(text, controller string) (Group, error) {
	groups := parse(text)
	i := slices.IndexFunc(groups, func(g Group) bool {
		return !g.V2 && slices.Contains(strings.Split(g.Mount, ","), controller)
	})
	if i < 0 {
		i = slices.IndexFunc(groups, func(g Group) bool { return g.V2 })
	}
	if i < 0 {
		return Group{}, &carrier.Error{Code: carrier.NotSupported, Message: "not supported: the kernel has no control group for " + controller,
			Remedy: "use a kernel with the " + controller + " controller"}
	}
	g := groups[i]
	switch {
	case g.Path == "/":
		return Group{}, &carrier.Error{Code: carrier.Refused, Message: "the target shares the " + controller + " control group of the whole machine",
			Remedy: "choose a container with control groups of its own"}
	case strings.HasPrefix(g.Path, "/.."):
		return Group{}, &carrier.Error{Code: carrier.NotSupported, Message: "not supported: the agent sees only its own part of the control groups",
			Remedy: "run the agent's container with --cgroupns host"}
	}
	return g, nil
}
