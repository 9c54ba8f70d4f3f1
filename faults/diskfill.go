package faults

import (
	"fmt"
	"path"
)

// checkPath wants a path as it is inside the container, written the shortest way.
func checkPath(p string) error {
	if p == "" || len(p) > 1024 || p[0] != '/' || path.Clean(p) != p {
		return fmt.Errorf("path is %.80q; want a clean absolute path inside the container, such as /data", p)
	}
	return nil
}

// DiskFill takes the free space of a file system of the target.
//
// What a trainee sees: "no space left on device" (ENOSPC) for everything that writes
// there; df shows the file system full and du finds no file that is large, as with a
// deleted log that a process still has open. The usual wrong diagnosis is that some
// visible file has grown.
//
// A file system takes one such fault at a time: of two, one would leave more than it says
// when the other ends.
type DiskFill struct {
	// Path is a directory of the file system, inside the container.
	Path string `json:"path"`
	// Percent is how full the file system gets, as df counts; above 0, up to 100. Either
	// it or LeaveBytes is given.
	Percent float64 `json:"percent,omitempty"`
	// LeaveBytes is how much stays free for everybody, 1 to 1099511627776; less than one
	// of the file system's blocks of it may be taken too.
	LeaveBytes int64 `json:"leave_bytes,omitempty"`
}

// maxLeave is 1 TiB.
const maxLeave = 1 << 40

// Kind is "disk-fill".
func (DiskFill) Kind() string { return "disk-fill" }

// Validate reports the first parameter that is out of its range.
func (d DiskFill) Validate() error {
	if (d.Percent == 0) == (d.LeaveBytes == 0) {
		return fmt.Errorf("percent is %v and leave_bytes is %d; want one of the two", d.Percent, d.LeaveBytes)
	}
	if d.LeaveBytes < 0 || d.LeaveBytes > maxLeave {
		return fmt.Errorf("leave_bytes is %d; want 1 to %d", d.LeaveBytes, int64(maxLeave))
	}
	if d.LeaveBytes == 0 && !(d.Percent > 0 && d.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", d.Percent)
	}
	return checkPath(d.Path)
}
