package process

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/standin"
)

// maxForks bounds the processes that are made to reach a limit.
const maxForks = 2000

// pidLimit sets how many tasks a control group may have.
type pidLimit struct {
	base
	limit int
	group cgroup.Group
	slot  ledger.Slot
}

func (p *pidLimit) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	if p.group, err = cgroup.Of(p.o.Target.PID, "pids"); err != nil {
		return carrier.Placed{}, err
	}
	p.slot = ledger.Slot{Group: p.group, File: "pids.max"}
	original, err := p.m.Ledger.Original(p.slot)
	if err != nil {
		return carrier.Placed{}, lacks("pids", err)
	}
	used := p.used()
	value := strconv.Itoa(p.limit)
	switch {
	case ledger.Strictness(original) <= float64(p.limit):
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "limit is %d; want below %s, which the container has without the fault", p.limit, original)
	case p.limit > used+maxForks:
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "limit is %d; want at most %d: the container has %d, and a limit further off is not proved", p.limit, used+maxForks, used)
	}
	s, err := standin.Start(ctx, p.m.Child(standin.Role), p.o.Target.PID, p.group)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer s.Stop()
	if err := p.m.Ledger.Set(p.o.Keeper, p.o.ID, ledger.Bid{Slot: p.slot, Value: value}); err != nil {
		return carrier.Placed{}, err
	}
	n, refused, err := s.Fork(ctx, p.limit+1)
	if err != nil {
		return carrier.Placed{}, err
	}
	if !refused {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "effect not seen: %d processes could be made with a limit of %d", n, p.limit)
	}
	return carrier.Placed{Backend: "cgroup", Measured: saw("stand-in", p.group.Path, fmt.Sprintf("fork failed with EAGAIN after %d processes more; the container had %d of %s", n, used, value))}, nil
}

// used is how many tasks there are.
func (p *pidLimit) used() int {
	text, _ := p.group.Read("pids.current")
	n, _ := strconv.Atoi(text)
	return n
}

func (p *pidLimit) Take(ctx context.Context) error {
	if err := p.m.Ledger.Unset(p.o.ID); err != nil {
		return err
	}
	return gone(p.slot, strconv.Itoa(p.limit), p.group, func(now string) error {
		if ledger.Strictness(now) <= float64(p.limit) {
			return nil
		}
		s, err := standin.Start(ctx, p.m.Child(standin.Role), p.o.Target.PID, p.group)
		if err != nil {
			return err
		}
		defer s.Stop()
		want := max(1, p.limit-p.used()+1)
		if n, refused, err := s.Fork(ctx, want); err != nil || refused {
			return carrier.Errorf(carrier.Unproved, "effect still seen: fork failed after %d processes (%v)", n, err)
		}
		return nil
	})
}

// fdLimit sets the soft limit of open files of every process there is.
type fdLimit struct {
	base
	limit int
}

func (f *fdLimit) Place(context.Context) (carrier.Placed, error) {
	set := map[int]bool{}
	lowered := 0
	// Again until nobody is new: a process that was forked meanwhile has the old limit.
	for again := true; again; {
		again = false
		list, err := members(f.o.Target.PID)
		if err != nil {
			return carrier.Placed{}, err
		}
		for _, pid := range list {
			start, err := ledger.Started(pid)
			if set[pid] || err != nil {
				continue
			}
			set[pid], again = true, true
			slot := ledger.Slot{PID: pid, Start: start}
			original, err := f.m.Ledger.Original(slot)
			if err != nil {
				continue // it has ended
			}
			if ledger.Strictness(original) <= float64(f.limit) {
				if pid == f.o.Target.PID {
					return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "limit is %d; want below %s, which process %d has without the fault", f.limit, original, pid)
				}
				continue
			}
			if err := f.m.Ledger.Set(f.o.Keeper, f.o.ID, ledger.Bid{Slot: slot, Value: strconv.Itoa(f.limit)}); err != nil {
				return carrier.Placed{}, err
			}
			lowered++
		}
	}
	if lowered == 0 {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "limit is %d; no process of the container has more", f.limit)
	}
	now, err := limitOf(f.o.Target.PID)
	if err == nil && now > f.limit {
		err = carrier.Errorf(carrier.Unproved, "process %d still may open %d files", f.o.Target.PID, now)
	}
	if err != nil {
		return carrier.Placed{}, err
	}
	open, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", f.o.Target.PID))
	return carrier.Placed{Backend: "prlimit", Measured: saw("prlimit", fmt.Sprint("pid ", f.o.Target.PID),
		fmt.Sprintf("%d processes may have %d files open; the first has %d", lowered, f.limit, len(open)))}, nil
}

// limitOf asks the kernel, by another way than it was set.
func limitOf(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, carrier.Errorf(carrier.TargetGone, "process %d has ended", pid)
	}
	return openFiles(string(b)), nil
}

func (f *fdLimit) Take(context.Context) error {
	before, _ := members(f.o.Target.PID)
	if err := f.m.Ledger.Unset(f.o.ID); err != nil {
		return err
	}
	if !slices.Contains(before, f.o.Target.PID) {
		return nil
	}
	start, err := ledger.Started(f.o.Target.PID)
	if err != nil {
		return nil
	}
	now, err := limitOf(f.o.Target.PID)
	original, err2 := f.m.Ledger.Original(ledger.Slot{PID: f.o.Target.PID, Start: start})
	if err == nil && err2 == nil && now <= f.limit && original != strconv.Itoa(now) && now == f.limit {
		return carrier.Errorf(carrier.Unproved, "process %d still may open only %d files", f.o.Target.PID, now)
	}
	return nil
}
