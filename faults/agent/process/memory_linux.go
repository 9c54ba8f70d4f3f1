package process

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
)

const mib = 1 << 20

// memory is a group's memory, in either version.
type memory struct {
	group                     cgroup.Group
	limit, swap, usage, cache string // files
	inactive, active          string // names in the cache file
}

func memoryOf(pid int) (memory, error) {
	g, err := cgroup.Of(pid, "memory")
	if err != nil {
		return memory{}, err
	}
	if g.V2 {
		return memory{g, "memory.max", "memory.swap.max", "memory.current", "memory.stat", "inactive_file", "active_file"}, nil
	}
	return memory{g, "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file", "total_active_file"}, nil
}

// used is what the group counts, in bytes, and kept what of it is no file cache.
func (m memory) used() (used, kept uint64, err error) {
	text, err := m.group.Read(m.usage)
	if err != nil {
		return 0, 0, lacks("memory", err)
	}
	used, _ = strconv.ParseUint(text, 10, 64)
	files := counter(m.group, m.cache, m.inactive) + counter(m.group, m.cache, m.active)
	return used, used - min(used, files), nil
}

// memoryLimit lowers the limit of memory.
type memoryLimit struct {
	base
	limit int // MiB
	mem   memory
}

// above is by how many MiB a probe goes beyond a limit.
const above = 16

// overdraft is how much above a limit may be in use all the same: some of its own memory,
// such as page tables, the kernel charges without asking (try_charge with force). It is
// far from what a probe asks for.
const overdraft = mib / 4

// margin is what must be free below the limit, so that nothing ends by surprise.
const margin = 2 * mib

func (l *memoryLimit) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	if l.mem, err = memoryOf(l.o.Target.PID); err != nil {
		return carrier.Placed{}, err
	}
	bytes := uint64(l.limit) * mib
	_, kept, err := l.mem.used()
	if err != nil {
		return carrier.Placed{}, err
	}
	slot := ledger.Slot{Group: l.mem.group, File: l.mem.limit}
	original, err := l.m.Ledger.Original(slot)
	if err != nil {
		return carrier.Placed{}, lacks("memory", err)
	}
	switch {
	case kept+margin > bytes:
		return carrier.Placed{}, &carrier.Error{Code: carrier.Refused,
			Message: fmt.Sprintf("mib is %d; the container has %d in use, and would be ended at once", l.limit, kept/mib),
			Remedy:  fmt.Sprintf("choose %d or more, or use memory-pressure", (kept+margin)/mib+1)}
	case ledger.Strictness(original) <= float64(bytes):
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "mib is %d; the container is limited to as little without the fault (%s bytes)", l.limit, original)
	case bytes > available():
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "mib is %d; want at most %d, which the machine has free: a limit further off is not proved", l.limit, available()/mib)
	}
	value := strconv.FormatUint(bytes, 10)
	bids := []ledger.Bid{{Slot: slot, Value: value}}
	if _, err := l.mem.group.Read(l.mem.swap); err == nil {
		swap := value // version 1 counts memory and swap together
		if l.mem.group.V2 {
			swap = "0"
		}
		bids = append(bids, ledger.Bid{Slot: ledger.Slot{Group: l.mem.group, File: l.mem.swap}, Value: swap})
	}
	if err := l.m.Ledger.Set(l.o.Keeper, l.o.ID, bids...); err != nil {
		return carrier.Placed{}, err
	}
	top, err := l.reach(ctx, bytes)
	if err == nil && top > bytes+overdraft {
		err = carrier.Errorf(carrier.Unproved, "effect not seen: %.1f MiB in use", float64(top)/mib)
	}
	if err != nil {
		return carrier.Placed{}, err
	}
	return carrier.Placed{Backend: "cgroup", Measured: saw("stand-in", l.mem.group.Path,
		fmt.Sprintf("a process of the container asked for %d MiB above the limit and got none of them: %.1f MiB in use, %.1f before", above, float64(top)/mib, float64(kept)/mib))}, nil
}

// reach uses memory in the group until a little above a limit would be in use, of
// a sort that the kernel can take back, and gives the use that came of it.
func (l *memoryLimit) reach(ctx context.Context, bytes uint64) (top uint64, err error) {
	s, err := l.standIn(ctx, l.mem.group)
	if err != nil {
		return 0, err
	}
	defer s.Stop()
	_, kept, err := l.mem.used()
	if err != nil {
		return 0, err
	}
	stop, peak := make(chan struct{}), atomic.Uint64{}
	var wg sync.WaitGroup
	wg.Go(func() {
		for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
			if now, _, err := l.mem.used(); err == nil && now > peak.Load() {
				peak.Store(now)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	err = s.Touch(ctx, int((bytes-min(kept, bytes))/mib)+above)
	close(stop)
	wg.Wait()
	return peak.Load(), err
}

func (l *memoryLimit) Take(ctx context.Context) error {
	if err := l.m.Ledger.Unset(l.o.ID); err != nil {
		return err
	}
	bytes := uint64(l.limit) * mib
	return gone(ledger.Slot{Group: l.mem.group, File: l.mem.limit}, "", l.mem.group, func(now string) error {
		if ledger.Strictness(now) <= float64(bytes) {
			return errStricter
		}
		most := uint64(0)
		for range 3 { // a busy machine may not look when most is in use
			top, err := l.reach(ctx, bytes)
			if err == nil {
				l.See(saw("stand-in", l.mem.group.Path, fmt.Sprintf("%d MiB could be used; the limit is %s", top/mib, now)))
			}
			if err != nil || top > bytes+overdraft || ledger.Strictness(now) <= float64(bytes+above*mib) {
				return err
			}
			most = max(most, top)
		}
		return carrier.Errorf(carrier.Unproved, "effect still seen: not more than %d MiB could be used", most/mib)
	})
}

// available is the memory the machine can give without swapping, less what it is left.
func available() uint64 {
	b, _ := os.ReadFile("/proc/meminfo")
	for l := range strings.Lines(string(b)) {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "MemAvailable:" {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			return n*1024 - min(n*1024, 512*mib)
		}
	}
	return 0
}
