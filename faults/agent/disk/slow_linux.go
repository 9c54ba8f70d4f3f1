package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/standin"

	"golang.org/x/sys/unix"
)

// slow limits what the control group of the target may read and write on one disk.
type slow struct {
	carrier.Seen
	m      Machine
	o      carrier.Order
	fault  faults.DiskSlow
	group  cgroup.Group
	device string
}

// blkio is the controller; io is its name in version 2, where it needs no looking for.
const blkio = "blkio"

func (s *slow) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	if s.group, err = cgroup.Of(s.o.Target.PID, blkio); err != nil {
		return carrier.Placed{}, err
	}
	dir, err := open(s.o.Target.PID, s.fault.Path, unix.O_RDONLY)
	if err != nil {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "path is %s; want a directory of the container: %v", s.fault.Path, err)
	}
	defer unix.Close(dir)
	if s.device, err = deviceOf(s.o.Target.PID, dir, s.fault.Path); err != nil {
		return carrier.Placed{}, err
	}
	limits := limitsOf(s.fault)
	for _, l := range limits {
		original, err := s.m.Ledger.Original(s.slot(l))
		if err != nil {
			return carrier.Placed{}, lacks(err)
		}
		if ledger.Strictness(original) <= float64(l.rate) {
			return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "the container is limited to %s %s per second without the fault", original, l)
		}
	}
	p, err := s.prober(ctx, dir)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer p.Stop()
	before := make([]time.Duration, len(limits))
	for i, l := range limits {
		if before[i], err = p.run(ctx, l); err != nil {
			return carrier.Placed{}, err
		}
		if before[i] > l.least()/2 && !s.limited(l, "") {
			return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "a process of the container %s without the fault; want a limit of %s below half of that", l.show(before[i]), l)
		}
	}
	var bids []ledger.Bid
	for _, l := range limits {
		bids = append(bids, ledger.Bid{Slot: s.slot(l), Value: l.value()})
	}
	if err := s.m.Ledger.Set(s.o.Keeper, s.o.ID, bids...); err != nil {
		return carrier.Placed{}, lacks(err)
	}
	m, err := s.prove(ctx, p, limits, before)
	return carrier.Placed{Backend: "cgroup", Measured: m}, err
}

// prove reads and writes with the limits. Several at once make each other stricter.
func (s *slow) prove(ctx context.Context, p *prober, limits []limit, before []time.Duration) (*carrier.Measurement, error) {
	var said []string
	m := &carrier.Measurement{Method: "stand-in", Address: s.device, Probes: len(limits)}
	for i, l := range limits {
		var took time.Duration
		var err error
		for range 3 { // the disk may be busy with others
			if took, err = p.run(ctx, l); err != nil {
				return nil, err
			}
			if took < l.least() || took <= l.most() || s.limited(l, l.value()) {
				break
			}
		}
		if took < l.least() || took > l.most() && !s.limited(l, l.value()) {
			return nil, carrier.Errorf(carrier.Unproved, "effect not seen as set: a process of the container %s, and before it %s; the limit is %d %s per second", l.show(took), l.show(before[i]), l.rate, l)
		}
		if i == 0 {
			m.BeforeMS, m.AfterMS, m.AddedMS = carrier.Milliseconds(before[0]), carrier.Milliseconds(took), carrier.Milliseconds(took-before[0])
		}
		said = append(said, fmt.Sprintf("%s and before it %s", l.show(took), l.show(before[i])))
	}
	m.Saw = "a process of the container " + strings.Join(said, "; ")
	return m, nil
}

// limited tells whether anything but a value of our own limits what l does.
func (s *slow) limited(l limit, own string) bool {
	for _, bytes := range []bool{false, true} {
		now, err := s.slot(limit{write: l.write, bytes: bytes}).Value()
		if err == nil && now != "max" && !(bytes == l.bytes && now == own) {
			return true
		}
	}
	return false
}

func (s *slow) slot(l limit) ledger.Slot {
	file, name := l.file(s.group.V2)
	return ledger.Slot{Group: s.group, File: file, Device: s.device, Limit: name}
}

func lacks(err error) error {
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: the kernel does not limit the disk for control groups: %v", err),
		Remedy: "use a kernel with CONFIG_BLK_DEV_THROTTLING, and with version 2 enable the io controller for the engine's control groups"}
}

// prober is a process in the target's control group with a file on the disk.
type prober struct{ *standin.StandIn }

func (s *slow) prober(ctx context.Context, dir int) (*prober, error) {
	in, err := standin.Start(ctx, s.m.Child(standin.Role), s.o.Target.PID, s.group)
	if err != nil {
		return nil, err
	}
	total := 0
	for _, l := range limitsOf(s.fault) {
		n, one := l.probe()
		total = max(total, n*one)
	}
	size := min(total, chunk)
	blocks := (total + size - 1) / size
	if err := in.File(ctx, fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), dir), blocks, size); err != nil {
		in.Stop()
		return nil, &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: %s cannot be measured: %v", s.fault.Path, err),
			Remedy: "choose a path on ext4, xfs or btrfs with room for a probe"}
	}
	return &prober{in}, nil
}

func (p *prober) run(ctx context.Context, l limit) (time.Duration, error) {
	blocks, size := l.probe()
	return p.Transfer(ctx, l.write, blocks, size)
}

func (s *slow) Take(ctx context.Context) error {
	if err := s.m.Ledger.Unset(s.o.ID); err != nil {
		return err
	}
	dir, err := open(s.o.Target.PID, s.fault.Path, unix.O_RDONLY)
	if err != nil {
		return nil // gone with the target
	}
	defer unix.Close(dir)
	p, err := s.prober(ctx, dir)
	if err != nil {
		return carrier.Errorf(carrier.NoProbe, "not measured again: %v", err)
	}
	defer p.Stop()
	for _, l := range limitsOf(s.fault) {
		if s.limited(l, "") {
			continue // by another fault; there is nothing to be felt
		}
		var took time.Duration
		for range 3 {
			if took, err = p.run(ctx, l); err != nil {
				return carrier.Errorf(carrier.NoProbe, "not measured again: %v", err)
			}
			if took < l.least() {
				break
			}
		}
		if took >= l.least() {
			return carrier.Errorf(carrier.Unproved, "effect still seen: a process of the container %s", l.show(took))
		}
		s.See(&carrier.Measurement{Method: "stand-in", Address: s.fault.Path, Probes: 1, Saw: "a process of the container " + l.show(took)})
	}
	return nil
}

func (s *slow) Drop() error { return s.m.Ledger.Unset(s.o.ID) }

func (s *slow) Packets() carrier.Packets { return carrier.Packets{} }
