package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
)

// deviceOf is the disk that an open directory of a process is on, as the kernel numbers it.
func deviceOf(pid, dir int, path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Fstat(dir, &st); err != nil {
		return "", fmt.Errorf("look at %s: %w", path, err)
	}
	dev := uint64(st.Dev)
	if unix.Major(dev) == 0 { // a file system that has no disk, or more than one
		id, err := mountID(dir)
		if err != nil {
			return "", err
		}
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
		if err != nil {
			return "", carrier.Errorf(carrier.TargetGone, "process %d has ended", pid)
		}
		l, _ := lineOf(string(text), id)
		if dev = below(l); unix.Major(dev) == 0 {
			return "", &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: %s is on %s, which does not read and write a disk on behalf of the container", path, l.kind),
				Remedy: "choose a path on ext4, xfs, btrfs or the like, such as a volume of the container"}
		}
	}
	return whole(fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))), nil
}

// below is the device under a file system without a number of its own, 0 for none. Its
// paths are those of the machine.
func below(l line) uint64 {
	var st unix.Stat_t
	switch {
	case l.kind == "overlay" && l.upper != "":
		if unix.Stat(filepath.Join("/proc/1/root", l.upper), &st) == nil {
			return uint64(st.Dev)
		}
	case strings.HasPrefix(l.source, "/dev/") && !strings.HasPrefix(l.kind, "fuse"):
		if unix.Stat(filepath.Join("/proc/1/root", l.source), &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK {
			return uint64(st.Rdev)
		}
	}
	return 0
}

// whole is the disk that a partition is of; limits are for whole disks.
func whole(device string) string {
	dir, err := filepath.EvalSymlinks("/sys/dev/block/" + device)
	if err != nil {
		return device
	}
	if _, err := os.Stat(filepath.Join(dir, "partition")); err != nil {
		return device
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(dir), "dev"))
	if err != nil {
		return device
	}
	return strings.TrimSpace(string(b))
}
