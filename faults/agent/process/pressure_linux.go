package process

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/standin"
)

// pressure takes memory in the target's group with a process that goes with the agent.
type pressure struct {
	base
	fault faults.MemoryPressure
	mem   memory

	mu      sync.Mutex
	child   *standin.StandIn
	over    bool
	started atomic.Uint64
	killed  atomic.Uint64 // by the kernel, for want of memory
}

func (p *pressure) Place(ctx context.Context) (carrier.Placed, error) {
	var err error
	if p.mem, err = memoryOf(p.o.Target.PID); err != nil {
		return carrier.Placed{}, err
	}
	if most := available() / mib; uint64(p.fault.MaxMiB) > most {
		return carrier.Placed{}, carrier.Errorf(carrier.Refused, "max_mib is %d; the machine itself has only %d to spare", p.fault.MaxMiB, most)
	}
	if err := p.begin(ctx); err != nil {
		return carrier.Placed{}, err
	}
	before, _, err := p.mem.used()
	if err != nil {
		return carrier.Placed{}, err
	}
	began := time.Now()
	// Until enough is taken to be told from what the target does itself.
	want := min(float64(p.fault.MaxMiB), max(4, p.fault.MiBPerSecond/4))
	for held := 0.0; held < want && time.Since(began) < 30*time.Second; {
		if held, err = p.child.Held(ctx); err != nil {
			return carrier.Placed{}, err
		}
		select {
		case <-ctx.Done():
			return carrier.Placed{}, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	held, err := p.child.Held(ctx)
	if err != nil {
		return carrier.Placed{}, err
	}
	took := time.Since(began).Seconds()
	now, _, err := p.mem.used()
	if err != nil {
		return carrier.Placed{}, err
	}
	grown := (float64(now) - float64(before)) / mib
	if grown < 0.7*held-1 || held < 0.5 {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "effect not seen: %.1f MiB taken, the container's memory grew by %.1f MiB", held, grown)
	}
	return carrier.Placed{Backend: "cgroup", Measured: saw("memory in use", p.mem.group.Path,
		fmt.Sprintf("the container's memory grew by %.1f MiB in %.2f s, %.1f of them taken", grown, took, held))}, nil
}

// begin starts the process that takes the memory, and another when the kernel ends it:
// like a leak in a worker that is restarted.
func (p *pressure) begin(ctx context.Context) error {
	s, err := p.standIn(ctx, p.mem.group)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		s.Stop()
		return nil
	}
	p.child = s
	p.started.Add(1)
	if err := s.Hold(ctx, p.fault.MiBPerSecond, p.fault.MaxMiB); err != nil {
		return err
	}
	go func() {
		<-s.Ended()
		p.mu.Lock()
		over := p.over
		p.mu.Unlock()
		if _, err := ledger.Started(p.o.Target.PID); over || err != nil {
			return
		}
		p.killed.Add(1)
		_ = p.begin(context.Background()) // without it the memory is free, and Packets tells
	}()
	return nil
}

func (p *pressure) Take(context.Context) error {
	before, _, err := p.mem.used()
	held := 0.0
	p.mu.Lock()
	child := p.child
	p.mu.Unlock()
	if child != nil && err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		held, _ = child.Held(ctx)
		cancel()
	}
	if derr := p.Drop(); derr != nil || err != nil {
		return derr
	}
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		now, _, err := p.mem.used()
		if err != nil {
			return nil
		}
		if freed := (float64(before) - float64(now)) / mib; freed >= 0.5*held-1 {
			p.See(saw("memory in use", p.mem.group.Path, fmt.Sprintf("the memory in use fell by %.1f MiB; %.1f MiB were taken", freed, held)))
			return nil
		}
		if time.Now().After(end) {
			return carrier.Errorf(carrier.Unproved, "the memory of the container did not fall by the %.1f MiB that were taken", held)
		}
	}
}

func (p *pressure) Drop() error {
	p.mu.Lock()
	p.over = true
	child := p.child
	p.mu.Unlock()
	if child != nil {
		child.Stop()
	}
	return nil
}

func (p *pressure) Packets() carrier.Packets {
	return carrier.Packets{Hit: p.started.Load(), Dropped: p.killed.Load()}
}
