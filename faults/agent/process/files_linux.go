package process

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/ledger"
)

// lookEvery is how often the limits are looked at again. A program may raise its own:
// a runtime does so as it starts, and whoever has CAP_SYS_RESOURCE at any time.
const lookEvery = 200 * time.Millisecond

// maxNotes bounds what is told of programs that raise their limits.
const maxNotes = 20

// fdLimit sets the limits of open files of every process there is: the soft one, which
// is felt, and the hard one, so that the program cannot raise the other.
type fdLimit struct {
	base
	limit int
	stop  context.CancelFunc

	mu    sync.Mutex
	notes []string
}

func (f *fdLimit) Place(ctx context.Context) (carrier.Placed, error) {
	lowered, err := f.lower()
	if err != nil {
		return carrier.Placed{}, err
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
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	f.stop = stop
	go f.watch(watch)
	return carrier.Placed{Backend: "prlimit", Measured: saw("prlimit", fmt.Sprint("pid ", f.o.Target.PID),
		fmt.Sprintf("%d processes may have %d files open; the first has %d", lowered, f.limit, len(open)))}, nil
}

// lower sets the limits and gives of how many processes.
func (f *fdLimit) lower() (lowered int, err error) {
	set := map[int]bool{}
	// Again until nobody is new: a process that was forked meanwhile has the old limit.
	for again := true; again; {
		again = false
		list, err := members(f.o.Target.PID)
		if err != nil {
			return lowered, err
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
					return lowered, carrier.Errorf(carrier.BadRequest, "limit is %d; want below %s, which process %d has without the fault",
						f.limit, soft(original), pid)
				}
				continue
			}
			if err := f.m.Ledger.Set(f.o.Keeper, f.o.ID, ledger.Bid{Slot: slot, Value: ledger.Files(f.limit, original)}); err != nil {
				return lowered, err
			}
			lowered++
		}
	}
	return lowered, nil
}

// watch sets the limits again where a program has raised them.
func (f *fdLimit) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			slots, err := f.m.Ledger.Enforce(f.o.Keeper, f.o.ID)
			f.mu.Lock()
			for _, s := range slots {
				f.note(fmt.Sprintf("%s: process %d had raised its limits; they are %d again", now.UTC().Format(time.RFC3339), s.PID, f.limit))
			}
			if err != nil {
				f.note(fmt.Sprintf("%s: %v", now.UTC().Format(time.RFC3339), err))
			}
			f.mu.Unlock()
		}
	}
}

func (f *fdLimit) note(text string) {
	if len(f.notes) < maxNotes {
		f.notes = append(f.notes, text)
	}
}

// Notes implements [carrier.Noter].
func (f *fdLimit) Notes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.notes...)
}

func soft(limits string) string {
	soft, _, _ := strings.Cut(limits, ":")
	return soft
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
	if err := f.Drop(); err != nil {
		return err
	}
	start, err := ledger.Started(f.o.Target.PID)
	if err != nil {
		return nil // it has ended
	}
	now, err := limitOf(f.o.Target.PID)
	if err == nil && now > f.limit {
		f.See(saw("prlimit", fmt.Sprint("pid ", f.o.Target.PID), fmt.Sprintf("%d files may be open", now)))
	}
	if err != nil || now > f.limit {
		return nil
	}
	if f.m.Ledger.Held(ledger.Slot{PID: f.o.Target.PID, Start: start}) {
		return errStricter
	}
	if now == f.limit {
		return carrier.Errorf(carrier.Unproved, "process %d still may open only %d files", f.o.Target.PID, now)
	}
	return nil // the program has set less itself
}

func (f *fdLimit) Drop() error {
	if f.stop != nil {
		f.stop()
	}
	return f.base.Drop()
}
