// Package disk carries faults on files and file systems.
package disk

import "strings"

// shared gives where the machine itself has the file system of a device mounted, or
// "" if nowhere but for the container of that id: its /dev/shm is mounted under its name.
func shared(machine, device, container string) string {
	for l := range strings.Lines(machine) {
		f := strings.Fields(l)
		if len(f) > 4 && f[2] == device && !(len(container) > 11 && strings.Contains(f[4], container)) {
			return f[4]
		}
	}
	return ""
}

// size is a file system's, in bytes.
type size struct {
	used, free uint64 // free for everybody, without what root alone may use
}

// missing is how much must be taken for a file system to be percent full, as df counts.
func (s size) missing(percent float64) uint64 {
	want := uint64(float64(s.used+s.free) * percent / 100)
	if percent >= 100 {
		want = s.used + s.free
	}
	return want - min(want, s.used)
}
