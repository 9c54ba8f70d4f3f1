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
type DiskFill struct {
	// Path is a directory of the file system, inside the container.
	Path string `json:"path"`
	// Percent is how full the file system gets, as df counts; above 0, up to 100.
	Percent float64 `json:"percent"`
}

// Kind is "disk-fill".
func (DiskFill) Kind() string { return "disk-fill" }

// Validate reports the first parameter that is out of its range.
func (d DiskFill) Validate() error {
	if !(d.Percent > 0 && d.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", d.Percent)
	}
	return checkPath(d.Path)
}
