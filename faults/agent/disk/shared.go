// Package disk carries faults on files and file systems.
package disk

import (
	"strings"

	"faultlab/faults"
)

// shared gives where the machine itself has the file system of a device mounted, or
// "" if nowhere but for the container of that id: its /dev/shm is mounted under its name.
func shared(machine, device, container string) string {
	for l := range strings.Lines(machine) {
		f := words(l)
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

// missing is how much must be taken for a file system to be as full as a fault wants it:
// to a share, as df counts, or to what is left free.
func (s size) missing(f faults.DiskFill) uint64 {
	if f.LeaveBytes > 0 {
		return s.free - min(s.free, uint64(f.LeaveBytes))
	}
	want := uint64(float64(s.used+s.free) * f.Percent / 100)
	if f.Percent >= 100 {
		want = s.used + s.free
	}
	return want - min(want, s.used)
}
