package process

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/ledger"

	"golang.org/x/sys/unix"
)

// ticks of a process's start there are in a second.
const ticks = 100

// crash kills the first process when it has run for long enough. It is placed again
// in each life of the target.
type crash struct {
	base
	fault faults.CrashLoop
	ended atomic.Uint64
}

func (c *crash) Place(ctx context.Context) (carrier.Placed, error) {
	pid := c.o.Target.PID
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.TargetGone, "process %d has ended", pid)
	}
	defer unix.Close(fd)
	ran, err := age(pid)
	if err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.TargetGone, "process %d has ended", pid)
	}
	if left := c.fault.After - ran; left > 0 {
		run, cancel := context.WithTimeout(ctx, left)
		ended := awaitEnd(run, fd)
		cancel()
		if ended {
			return carrier.Placed{}, carrier.Errorf(carrier.TargetGone, "process %d has ended by itself", pid)
		}
	}
	if ctx.Err() != nil {
		return carrier.Placed{}, ctx.Err() // it is wanted no more
	}
	if ran, err = age(pid); err == nil {
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
	if err != nil {
		if errors.Is(err, unix.ESRCH) {
			err = carrier.Errorf(carrier.TargetGone, "process %d has ended by itself", pid)
		}
		return carrier.Placed{}, fmt.Errorf("kill process %d: %w", pid, err)
	}
	within, cancel := context.WithTimeout(ctx, usualGrace)
	defer cancel()
	if !awaitEnd(within, fd) {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "process %d runs on after KILL", pid)
	}
	c.ended.Add(1)
	text := fmt.Sprintf("process %d was killed %.2f s after its start", pid, ran.Seconds())
	return carrier.Placed{Backend: "signal", Measured: saw("pidfd", fmt.Sprint("pid ", pid), text), Follows: text}, nil
}

// age is how long ago a process started.
func age(pid int) (time.Duration, error) {
	start, err := ledger.Started(pid)
	if err != nil {
		return 0, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, err
	}
	return time.Duration(now.Nano()) - time.Duration(start)*time.Second/ticks, nil
}

func (c *crash) Take(context.Context) error { return nil }

func (c *crash) Drop() error { return nil }

func (c *crash) Packets() carrier.Packets {
	return carrier.Packets{Hit: c.ended.Load(), Dropped: c.ended.Load()}
}
