package grade

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"faultlab/faults/engine"
)

// remade says what a container lacks of its service's mounts, restart policy and
// health check, and what was mounted over its image: a program put in the place of
// the service's own could tell the grader anything. What a service was given to
// read stays free, and so is a health check that is new or mended: it is judged by
// what it does.
func remade(name string, want Shape, c engine.Container) []string {
	var bad []string
	now := mounts(c)
	for to, volume := range want.Mounts {
		if !provided(now, to, volume) {
			bad = append(bad, fmt.Sprintf("%s has lost what was mounted at %s", name, to))
		}
	}
	for to := range now {
		if _, same := want.Mounts[to]; same {
			continue
		}
		// A link in a mounted folder leads what is mounted on it anywhere.
		if !slices.ContainsFunc(destinations(want.Mounts), func(was string) bool { return within(to, was) }) ||
			slices.ContainsFunc(destinations(now), func(d string) bool { return d != to && within(to, d) }) {
			bad = append(bad, fmt.Sprintf("%s has something mounted at %s, where nothing was", name, to))
		}
	}
	if !slices.Contains(asGood(want.Restart), c.RestartPoly) {
		bad = append(bad, fmt.Sprintf("%s has the restart policy %q where it had %q", name, c.RestartPoly, want.Restart))
	}
	if want.Checked && !checked(c) {
		bad = append(bad, fmt.Sprintf("%s has lost its health check", name))
	}
	return bad
}

// mounts are a container's mounts but for those in memory, which begin empty: by
// destination the volume's name, or "" for a path.
func mounts(c engine.Container) map[string]string {
	out := map[string]string{}
	for _, m := range c.Mounts {
		if m.Type != "tmpfs" {
			out[path.Clean(m.Destination)] = m.Name
		}
	}
	return out
}

// provided tells whether what was mounted is there: the same volume, or some path,
// be it of single files.
func provided(now map[string]string, to, volume string) bool {
	if volume != "" {
		return now[to] == volume
	}
	return slices.ContainsFunc(destinations(now), func(d string) bool { return within(d, to) })
}

// within tells whether a path is a folder or lies in it.
func within(p, folder string) bool {
	return p == folder || strings.HasPrefix(p, strings.TrimSuffix(folder, "/")+"/")
}

func destinations(mounts map[string]string) []string { return slices.Collect(maps.Keys(mounts)) }

// asGood lists the restart policies that bring a container back as surely.
func asGood(policy string) []string {
	if policy == "always" || policy == "unless-stopped" {
		return []string{"always", "unless-stopped"}
	}
	return []string{policy, "always", "unless-stopped"}
}

// checked tells whether a container has a health check.
func checked(c engine.Container) bool {
	return len(c.HealthTest) > 0 && c.HealthTest[0] != "NONE"
}
