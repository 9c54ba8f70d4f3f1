package process

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
)

// usualPeriod is the kernel's default, in microseconds, and leastQuota the least it takes.
const (
	usualPeriod = 100_000
	leastQuota  = 1000
)

// quotaFile names where a group's quota of processor time is, and its text.
func quotaFile(v2 bool, share float64, period int) (file, value string) {
	quota := max(leastQuota, int(math.Round(share*float64(period))))
	if v2 {
		return "cpu.max", fmt.Sprintf("%d %d", quota, period)
	}
	return "cpu.cfs_quota_us", strconv.Itoa(quota)
}

// periodOf reads the period from what cpu.max or cpu.cfs_period_us says.
func periodOf(text string) int {
	f := strings.Fields(text)
	if len(f) > 0 {
		if n, err := strconv.Atoi(f[len(f)-1]); err == nil && n > 0 {
			return n
		}
	}
	return usualPeriod
}

// counter reads a number from the lines "name number" of a file.
func counter(g cgroup.Group, file, name string) uint64 {
	text, _ := g.Read(file)
	for l := range strings.Lines(text) {
		if f := strings.Fields(l); len(f) == 2 && f[0] == name {
			n, _ := strconv.ParseUint(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// throttle sets the quota of processor time.
type throttle struct {
	base
	fault  faults.CPUThrottle
	group  cgroup.Group
	period int
	slot   ledger.Slot
	value  string
}

func (t *throttle) Place(ctx context.Context) (carrier.Placed, error) {
	share := t.fault.Percent / 100
	if cores := runtime.NumCPU(); share >= float64(cores) {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "percent is %v; want below %d, all that the machine's %d cores have", t.fault.Percent, 100*cores, cores)
	}
	var err error
	if t.group, err = cgroup.Of(t.o.Target.PID, "cpu"); err != nil {
		return carrier.Placed{}, err
	}
	from := "cpu.cfs_period_us"
	if t.group.V2 {
		from = "cpu.max"
	}
	text, err := t.group.Read(from)
	if err != nil {
		return carrier.Placed{}, lacks("cpu", err)
	}
	t.period = periodOf(text)
	if least := 100 * float64(leastQuota) / float64(t.period); t.fault.Percent < least {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "percent is %v; want at least %v with the container's period of %d us", t.fault.Percent, least, t.period)
	}
	file, value := quotaFile(t.group.V2, share, t.period)
	t.slot, t.value = ledger.Slot{Group: t.group, File: file}, value
	original, err := t.m.Ledger.Original(t.slot)
	if err != nil {
		return carrier.Placed{}, lacks("cpu", err)
	}
	if ledger.Strictness(original) <= ledger.Strictness(value) {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "percent is %v; the container is limited to as little without the fault (%s is %s)", t.fault.Percent, file, original)
	}
	if err := t.m.Ledger.Set(t.o.Keeper, t.o.ID, ledger.Bid{Slot: t.slot, Value: value}); err != nil {
		return carrier.Placed{}, err
	}
	m, err := t.prove(ctx, share)
	return carrier.Placed{Backend: "cgroup", Measured: m}, err
}

// prove computes inside the group and looks at how much processor time that gets.
func (t *throttle) prove(ctx context.Context, share float64) (*carrier.Measurement, error) {
	s, err := t.standIn(ctx, t.group)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	period := time.Duration(t.period) * time.Microsecond
	window := max(5*period, 100*time.Millisecond)
	before := counter(t.group, "cpu.stat", "nr_throttled")
	cpu, wall, err := s.Spin(ctx, int(math.Ceil(share))+1, window)
	if err != nil {
		return nil, err
	}
	throttled := counter(t.group, "cpu.stat", "nr_throttled") - before
	// It began and ended inside a period, so it may have had the quota once more.
	most := share*(wall+period).Seconds() + 0.005*(math.Ceil(share)+1)
	got := 100 * cpu.Seconds() / wall.Seconds()
	if throttled == 0 || cpu.Seconds() > most {
		return nil, carrier.Errorf(carrier.Unproved, "effect not seen: a process of the container got %.1f %% of a core, want %.1f %%; throttled %d times", got, 100*share, throttled)
	}
	return saw("stand-in", t.group.Path, fmt.Sprintf("a busy process of the container got %.1f %% of a core in %d ms, throttled %d times; the limit is %s", got, wall.Milliseconds(), throttled, t.value)), nil
}

func (t *throttle) Take(ctx context.Context) error {
	if err := t.m.Ledger.Unset(t.o.ID); err != nil {
		return err
	}
	return gone(t.slot, t.value, t.group, func(now string) error {
		if ledger.Strictness(now) <= ledger.Strictness(t.value) {
			return errStricter
		}
		s, err := t.standIn(ctx, t.group)
		if err != nil {
			return err
		}
		defer s.Stop()
		share := t.fault.Percent / 100
		var got float64
		for range 5 { // a busy machine may not have given it more
			cpu, wall, err := s.Spin(ctx, int(math.Ceil(share))+1, 2*time.Duration(t.period)*time.Microsecond)
			if err != nil {
				return err
			}
			if got = cpu.Seconds() / wall.Seconds(); got > share*1.2 || strings.HasPrefix(now, "max") || now == "-1" {
				t.See(saw("stand-in", t.group.Path, fmt.Sprintf("a busy process of the container got %.1f %% of a core in %d ms; the limit is %s", 100*got, wall.Milliseconds(), now)))
				return nil // without any limit nothing can throttle
			}
		}
		return carrier.Errorf(carrier.Unproved, "effect still seen: a process of the container got %.1f %% of a core", 100*got)
	})
}
