package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/netspace"
)

// open opens a directory as a process sees it: links lead to where they lead inside
// the container.
func open(pid int, path string, flags uint64) (int, error) {
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the container's root: %w", err)
	}
	defer unix.Close(root)
	return unix.Openat2(root, path, &unix.OpenHow{Flags: flags | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
}

// mountOf finds the mount that an open directory of a process is on.
func mountOf(pid, dir int) (m mount, err error) {
	if m.Namespace, err = inode(pid); err != nil {
		return m, err
	}
	m.PID = pid
	if m.ID, err = mountID(dir); err != nil {
		return m, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return m, err
	}
	if l, ok := lineOf(string(text), m.ID); ok {
		m.Point = l.point
		return m, nil
	}
	return m, carrier.Errorf(carrier.BadRequest, "the path is on no mount of the container's")
}

// inode is that of a process's mount namespace.
func inode(pid int) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(fmt.Sprintf("/proc/%d/ns/mnt", pid), &st); err != nil {
		return 0, carrier.Errorf(carrier.TargetGone, "process %d has ended", pid)
	}
	return st.Ino, nil
}

func mountID(fd int) (uint64, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return 0, fmt.Errorf("look at the mount: %w", err)
	}
	return st.Mnt_id, nil
}

// errNotThere says that a mount is no more.
var errNotThere = errors.New("the mount has gone")

// set gives the mount an attribute or takes one away, and leaves the others.
func (m mount) set(attr *unix.MountAttr) error {
	if now, err := inode(m.PID); err != nil || now != m.Namespace {
		return errNotThere
	}
	point, err := open(m.PID, m.Point, unix.O_PATH)
	if err != nil {
		return errNotThere
	}
	defer unix.Close(point)
	if id, err := mountID(point); err != nil || id != m.ID {
		return errNotThere
	}
	return netspace.Thread(func() error { // the thread is in the target's mount namespace, and ends there
		ns, err := unix.Open(fmt.Sprintf("/proc/%d/ns/mnt", m.PID), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return errNotThere
		}
		defer unix.Close(ns)
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(ns, unix.CLONE_NEWNS)); err != nil {
			return fmt.Errorf("enter the container's mount namespace: %w", err)
		}
		return unix.MountSetattr(point, "", unix.AT_EMPTY_PATH, attr)
	})
}

// writable takes the attribute away; a mount that has gone, or that is writable, is no error.
func (m mount) writable() error {
	err := m.set(&unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
	if errors.Is(err, errNotThere) {
		return nil
	}
	return err
}

// Restore is the keeper's act: it makes a mount writable again.
func Restore(args json.RawMessage) error {
	var m mount
	if err := json.Unmarshal(args, &m); err != nil {
		return err
	}
	return m.writable()
}
