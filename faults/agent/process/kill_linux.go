package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"

	"golang.org/x/sys/unix"
)

// usualGrace is how long a process may take to end when nothing is said.
const usualGrace = 10 * time.Second

// kill ends processes of the target, and is over then.
type kill struct {
	base
	fault faults.Kill
	ended atomic.Uint64
}

func (k *kill) Place(ctx context.Context) (carrier.Placed, error) {
	victims := []int{k.o.Target.PID}
	if k.fault.Process != "" {
		var err error
		if victims, err = named(k.o.Target.PID, k.fault.Process); err != nil {
			return carrier.Placed{}, err
		}
	}
	name := cmp.Or(k.fault.Signal, "KILL")
	signal := unix.SignalNum("SIG" + name)
	began := time.Now()
	var fds []int
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, pid := range victims {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == nil {
			fds = append(fds, fd)
			err = unix.PidfdSendSignal(fd, signal, nil, 0)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return carrier.Placed{}, fmt.Errorf("send %s to process %d: %w", name, pid, err)
		}
	}
	within, cancel := context.WithTimeout(ctx, cmp.Or(k.fault.Grace, usualGrace))
	defer cancel()
	for i, fd := range fds {
		if !awaitEnd(within, fd) {
			return carrier.Placed{}, &carrier.Error{Code: carrier.Unproved,
				Message: fmt.Sprintf("process %d runs on after %s: it handles or ignores the signal", victims[i], name),
				Remedy:  "use --param signal=KILL, or give it more time with --param grace"}
		}
		k.ended.Add(1)
	}
	text := fmt.Sprintf("%d of %d processes ended %d ms after %s", len(fds), len(victims), time.Since(began).Milliseconds(), name)
	return carrier.Placed{Backend: "signal", Measured: saw("pidfd", fmt.Sprint("pid ", victims[0]), text), Done: text}, nil
}

// awaitEnd waits until the process of a pidfd is no more.
func awaitEnd(ctx context.Context, fd int) bool {
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 50)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
		if n > 0 {
			return true
		}
	}
	return false
}

func (k *kill) Take(context.Context) error { return nil }

func (k *kill) Drop() error { return nil }

func (k *kill) Packets() carrier.Packets {
	n := k.ended.Load()
	return carrier.Packets{Hit: n, Dropped: n}
}

// members are the processes of a target: those in its control group, but for the
// agent's own that measure there.
func members(pid int) ([]int, error) {
	g, err := cgroup.Of(pid, "pids")
	if err != nil {
		return nil, err
	}
	all, err := g.Processes()
	if err != nil {
		return nil, err
	}
	own := fmt.Sprintf("PPid:\t%d\n", os.Getpid())
	return slices.DeleteFunc(all, func(p int) bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		return err != nil || strings.Contains(string(b), own)
	}), nil
}

// named are the processes of a target with a name: the kernel's, or the program's.
func named(pid int, name string) ([]int, error) {
	all, err := members(pid)
	if err != nil {
		return nil, err
	}
	var out []int
	var names []string
	for _, p := range all {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", p))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p))
		program, _, _ := strings.Cut(string(line), "\x00")
		program = filepath.Base(program)
		if strings.TrimSpace(string(comm)) == name || program == name {
			out = append(out, p)
		}
		names = append(names, program)
	}
	if len(out) == 0 {
		slices.Sort(names)
		return nil, carrier.Errorf(carrier.BadRequest, "process is %q; want one of the container's: %s", name, strings.Join(slices.Compact(names), ", "))
	}
	return out, nil
}
