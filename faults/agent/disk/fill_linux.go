package disk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"sync"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/ledger"

	"golang.org/x/sys/unix"
)

// Machine is what carriers of one agent share.
type Machine struct {
	Ledger *ledger.Ledger
	Fills  *Fills
	Child  func(role string) *exec.Cmd // of the agent's executable
}

// Carry gives the carrier of an order for a fault on files and disks, or nil.
func (m Machine) Carry(o carrier.Order) (carrier.Carrier, error) {
	switch f := o.Fault.(type) {
	case faults.DiskFill:
		return &fill{o: o, fault: f, all: m.Fills, dir: -1, file: -1}, nil
	case faults.DiskSlow:
		return &slow{m: m, o: o, fault: f}, nil
	case faults.DiskError:
		what, remedy := f.Missing()
		return nil, &carrier.Error{Code: carrier.NotSupported, Message: "not supported: " + what, Remedy: remedy}
	case faults.DiskReadonly:
		return &readonly{o: o, fault: f}, nil
	}
	return nil, nil
}

// Fills are the file systems that an agent's faults fill. The zero value is ready.
type Fills struct {
	mu sync.Mutex
	by map[uint64]*fill // by device
}

// claim is for one fault at a time: a second takes what the first leaves, and would have
// more left than it says when that one goes.
func (a *Fills) claim(device uint64, f *fill) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.by[device] != nil {
		return false
	}
	if a.by == nil {
		a.by = map[uint64]*fill{}
	}
	a.by[device] = f
	return true
}

func (a *Fills) release(f *fill) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.by, func(_ uint64, o *fill) bool { return o == f })
}

// fill holds a file without a name, whose space the kernel frees with the agent's end.
type fill struct {
	carrier.Seen
	o         carrier.Order
	fault     faults.DiskFill
	all       *Fills
	dir, file int
	took      uint64
}

func (f *fill) Place(context.Context) (carrier.Placed, error) {
	var err error
	if f.dir, err = open(f.o.Target.PID, f.fault.Path, unix.O_RDONLY); err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "path is %s; want a directory of the container: %v", f.fault.Path, err)
	}
	if err := f.own(); err != nil {
		return carrier.Placed{}, err
	}
	before, err := f.size()
	if err != nil {
		return carrier.Placed{}, err
	}
	if f.took = before.missing(f.fault); f.took == 0 {
		return carrier.Placed{}, f.needless(before)
	}
	if f.file, err = f.nameless(); err != nil {
		return carrier.Placed{}, err
	}
	if err := unix.Fallocate(f.file, 0, 0, int64(f.took)); err != nil {
		return carrier.Placed{}, fmt.Errorf("take %d bytes of %s: %w", f.took, f.fault.Path, err)
	}
	// Nothing is written any more: the mount must be free to become read-only.
	held, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", f.file), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return carrier.Placed{}, fmt.Errorf("hold the file: %w", err)
	}
	unix.Close(f.file)
	f.file = held
	now, err := f.size()
	if err != nil {
		return carrier.Placed{}, err
	}
	if rest := now.missing(f.fault); rest > 64<<10 {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "effect not seen: %d bytes are missing", rest)
	}
	if err := f.beyond(now); err != nil {
		return carrier.Placed{}, err
	}
	return carrier.Placed{Backend: "file", Measured: &carrier.Measurement{Method: "write", Address: f.fault.Path, Probes: 1, Lost: 1,
		Saw: fmt.Sprintf("a file of more than the %d bytes left got ENOSPC; %d were free before", now.free, before.free)}}, nil
}

// needless is what is wrong when there is nothing to take.
func (f *fill) needless(now size) error {
	if f.fault.LeaveBytes > 0 {
		return carrier.Errorf(carrier.BadRequest, "leave_bytes is %d; %s is as full without the fault, with %d bytes free", f.fault.LeaveBytes, f.fault.Path, now.free)
	}
	return carrier.Errorf(carrier.BadRequest, "percent is %v; %s is as full without the fault", f.fault.Percent, f.fault.Path)
}

// own refuses a file system that is the machine's too, and one that memory would not hold.
func (f *fill) own() error {
	var st unix.Stat_t
	if err := unix.Fstat(f.dir, &st); err != nil {
		return err
	}
	machine, err := os.ReadFile("/proc/1/mountinfo")
	if err != nil {
		return err
	}
	device := fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))
	if where := shared(string(machine), device, f.o.Target.Name); where != "" {
		return &carrier.Error{Code: carrier.Refused, Message: fmt.Sprintf("%s is on a file system of the machine (%s), which would get full too", f.fault.Path, where),
			Remedy: "give the container a file system of its own there: docker run --tmpfs " + f.fault.Path + ":size=64m"}
	}
	var fs unix.Statfs_t
	var mem unix.Sysinfo_t
	if err := errors.Join(unix.Fstatfs(f.dir, &fs), unix.Sysinfo(&mem)); err != nil {
		return err
	}
	if !f.all.claim(st.Dev, f) {
		return &carrier.Error{Code: carrier.Refused, Message: fmt.Sprintf("another fault fills the file system of %s; want one at a time", f.fault.Path),
			Remedy: "revert that one first"}
	}
	free := uint64(mem.Freeram) * uint64(mem.Unit)
	if s, _ := f.size(); fs.Type == unix.TMPFS_MAGIC && s.missing(f.fault)+512<<20 > free {
		return carrier.Errorf(carrier.Refused, "%s is in memory, and the machine has not enough of it free to fill it", f.fault.Path)
	}
	return nil
}

func (f *fill) size() (size, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(f.dir, &fs); err != nil {
		return size{}, fmt.Errorf("look at the file system of %s: %w", f.fault.Path, err)
	}
	unit := uint64(fs.Bsize)
	return size{used: (fs.Blocks - fs.Bfree) * unit, free: fs.Bavail * unit}, nil
}

func (f *fill) nameless() (int, error) {
	fd, err := unix.Openat(f.dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return -1, &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: %s takes no file without a name: %v", f.fault.Path, err),
			Remedy: "choose a path on tmpfs, ext4, xfs or btrfs"}
	}
	return fd, nil
}

// beyond asks for more than a file system has left, and wants to be refused.
func (f *fill) beyond(now size) error {
	fd, err := f.nameless()
	if err != nil {
		if now.free == 0 {
			return nil // not even a file without content has room
		}
		return err
	}
	defer unix.Close(fd)
	if err := unix.Fallocate(fd, 0, 0, int64(now.free)+64<<10); !errors.Is(err, unix.ENOSPC) {
		return carrier.Errorf(carrier.Unproved, "effect not seen: more than the %d bytes left could be taken (%v)", now.free, err)
	}
	return nil
}

func (f *fill) Take(context.Context) error {
	if f.file < 0 {
		return f.Drop()
	}
	before, err := f.size()
	if err != nil {
		return err
	}
	unix.Close(f.file)
	f.file = -1
	now, err := f.size()
	if err == nil && now.free < before.free+f.took/2 {
		err = carrier.Errorf(carrier.Unproved, "%s has %d bytes free after %d were given back", f.fault.Path, now.free, f.took)
	}
	if err == nil {
		f.See(&carrier.Measurement{Method: "statfs", Address: f.fault.Path, Probes: 1,
			Saw: fmt.Sprintf("%d bytes are free, %d before it was taken away", now.free, before.free)})
	}
	return errors.Join(err, f.Drop())
}

func (f *fill) Drop() error {
	f.all.release(f)
	for _, fd := range []*int{&f.file, &f.dir} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	return nil
}

func (f *fill) Packets() carrier.Packets { return carrier.Packets{} }
