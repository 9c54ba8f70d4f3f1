package disk

import (
	"context"
	"errors"
	"fmt"
	"os"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"

	"golang.org/x/sys/unix"
)

// readonly sets one attribute of one mount of the container's.
type readonly struct {
	carrier.Seen
	o       carrier.Order
	fault   faults.DiskReadonly
	mount   mount
	release func() // of the keeper's promise; nil: nothing is set
}

func (r *readonly) Place(context.Context) (carrier.Placed, error) {
	pid, path := r.o.Target.PID, r.fault.Path
	dir, err := open(pid, path, unix.O_PATH)
	if err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "path is %s; want a directory of the container: %v", path, err)
	}
	defer unix.Close(dir)
	if r.mount, err = mountOf(pid, dir); err != nil {
		return carrier.Placed{}, err
	}
	for _, other := range []int{1, os.Getpid()} {
		if ns, err := inode(other); err == nil && ns == r.mount.Namespace {
			return carrier.Placed{}, carrier.Errorf(carrier.Refused, "process %d has the mounts of process %d; want a container with its own", pid, other)
		}
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(dir, &fs); err != nil {
		return carrier.Placed{}, fmt.Errorf("look at the file system of %s: %w", path, err)
	}
	if fs.Flags&unix.ST_RDONLY != 0 {
		return carrier.Placed{}, carrier.Errorf(carrier.Refused, "%s is read-only already", path)
	}
	release, err := r.o.Keeper.Keep(RestoreAct, r.mount)
	if err != nil {
		return carrier.Placed{}, err
	}
	r.release = release
	err = r.mount.set(&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	switch {
	case errors.Is(err, unix.EBUSY):
		return carrier.Placed{}, &carrier.Error{Code: carrier.Refused, Message: fmt.Sprintf("the mount %s is busy: a file there is open for writing", r.mount.Point),
			Remedy: "choose a path on a mount where no process keeps a file open for writing"}
	case errors.Is(err, unix.ENOSYS):
		return carrier.Placed{}, noSetattr()
	case err != nil:
		return carrier.Placed{}, fmt.Errorf("make the mount %s read-only: %w", r.mount.Point, err)
	}
	if err := r.write(); !errors.Is(err, unix.EROFS) {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "effect not seen: making a file in %s gave %v", path, err)
	}
	return carrier.Placed{Backend: "mount", Measured: &carrier.Measurement{Method: "write", Address: path, Probes: 1, Lost: 1,
		Saw: fmt.Sprintf("a new file in %s got EROFS; the mount is %s", path, r.mount.Point)}}, nil
}

// write makes a file without a name, which leaves nothing. A file system that knows no
// such files says so after it was asked whether it may be written.
func (r *readonly) write() error {
	dir, err := open(r.o.Target.PID, r.fault.Path, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		unix.Close(fd)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

func (r *readonly) Take(context.Context) error {
	if err := r.Drop(); err != nil {
		return err
	}
	if now, err := inode(r.o.Target.PID); err != nil || now != r.mount.Namespace {
		return nil // gone with the target
	}
	err := r.write()
	if errors.Is(err, unix.EROFS) {
		return carrier.Errorf(carrier.Unproved, "%s is still read-only", r.fault.Path)
	}
	if err == nil {
		r.See(&carrier.Measurement{Method: "write", Address: r.fault.Path, Probes: 1, Saw: "it can be written"})
	}
	return nil
}

func (r *readonly) Drop() error {
	if r.release == nil {
		return nil
	}
	if err := r.mount.writable(); err != nil {
		return fmt.Errorf("make the mount %s writable: %w", r.mount.Point, err)
	}
	r.release()
	r.release = nil
	return nil
}

func (r *readonly) Packets() carrier.Packets { return carrier.Packets{} }
