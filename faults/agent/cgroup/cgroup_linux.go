package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"faultlab/faults/agent/carrier"

	"golang.org/x/sys/unix"
)

// Of is the control group that a controller works on for a process.
func Of(pid int, controller string) (Group, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return Group{}, carrier.Errorf(carrier.TargetGone, "process %d has ended", pid)
	}
	return find(string(b), controller)
}

// tree is a hierarchy mounted for this process alone, and on no path: it needs no
// view of the machine's files, and goes with its descriptor.
func (g Group) tree() (int, error) {
	kind := "cgroup"
	if g.V2 {
		kind = "cgroup2"
	}
	fs, err := unix.Fsopen(kind, unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, missing(kind, err)
	}
	defer unix.Close(fs)
	for c := range strings.SplitSeq(g.Mount, ",") {
		name, named := strings.CutPrefix(c, "name=")
		switch {
		case g.V2 || c == "":
		case named:
			err = errors.Join(unix.FsconfigSetFlag(fs, "none"), unix.FsconfigSetString(fs, "name", name))
		default:
			err = errors.Join(err, unix.FsconfigSetFlag(fs, c))
		}
	}
	if err == nil {
		err = unix.FsconfigCreate(fs)
	}
	if err != nil {
		return -1, missing(kind, err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return -1, missing(kind, err)
	}
	return fd, nil
}

func missing(kind string, err error) error {
	return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: cannot reach the control groups (%s): %v", kind, err),
		Remedy: "use Linux 5.2 or later and an engine that allows privileged containers"}
}

// within does something with the group's directory.
func (g Group) within(do func(dir string) error) error {
	fd, err := g.tree()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return do(filepath.Join("/proc/self/fd", strconv.Itoa(fd), g.Path))
}

// Read gives the content of a file of the group, without the last line's end.
func (g Group) Read(file string) (string, error) {
	var text []byte
	err := g.within(func(dir string) (err error) {
		text, err = os.ReadFile(filepath.Join(dir, file))
		return err
	})
	return strings.TrimSuffix(string(text), "\n"), err
}

// Write writes a file of the group; it makes none.
func (g Group) Write(file, value string) error {
	return g.within(func(dir string) error {
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteString(value)
		return errors.Join(err, f.Close())
	})
}

// Processes are those of the group itself.
func (g Group) Processes() ([]int, error) {
	text, err := g.Read("cgroup.procs")
	var out []int
	for f := range strings.FieldsSeq(text) {
		if pid, err := strconv.Atoi(f); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	return out, err
}

// Add moves a process into the group.
func (g Group) Add(pid int) error { return g.Write("cgroup.procs", strconv.Itoa(pid)) }

// Leave moves this process out of every group it is in, to where the machine's first
// process is, or to the root.
func Leave() error {
	first, err := os.ReadFile("/proc/1/cgroup")
	if err != nil {
		return err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	to := map[string]Group{}
	for _, g := range parse(string(first)) {
		to[g.Mount] = g
	}
	for _, g := range parse(string(own)) {
		there := to[g.Mount]
		if there.Path == g.Path || g.Path == "/" {
			continue
		}
		if there.Path == "" {
			there = Group{V2: g.V2, Mount: g.Mount, Path: "/"}
		}
		if err := there.Add(os.Getpid()); err != nil {
			return fmt.Errorf("leave the control group %s of %q: %w", g.Path, g.Mount, err)
		}
	}
	return nil
}
