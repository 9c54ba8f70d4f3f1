package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

// measureRestart restarts the target in the middle of a fault.
func measureRestart(ctx context.Context, w *world) error {
	err := w.revived(ctx, "docker restart", w.target, func() error { return w.Restart(ctx, w.target, 0) })
	return errors.Join(err, w.look(ctx))
}

// ownMemory is how much a container may use that is to run out of it.
const ownMemory = 64 << 20

// measureOOM has the kernel end a container for want of memory in the middle of a fault,
// and starts it again.
func measureOOM(ctx context.Context, w *world) error {
	id, err := w.server(ctx, "greedy", func(s *engine.Spec) { s.MemoryBytes = ownMemory })
	if err != nil {
		return err
	}
	return w.revived(ctx, "OOM kill, docker start", id, func() error {
		at, err := w.address(ctx, id)
		if err != nil {
			return err
		}
		c, err := net.DialTimeout("tcp", net.JoinHostPort(at.String(), strconv.Itoa(portHog)), 5*time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		if code, err := w.Wait(ctx, id); err != nil || code != 137 {
			return fmt.Errorf("the container ended with %d, not for want of memory (137): %w", code, err)
		}
		return w.Start(ctx, id)
	})
}

// revived has a container end and run again in the middle of a fault, a number of times.
func (w *world) revived(ctx context.Context, how, container string, again func() error) error {
	n := w.count(20)
	var took series
	ended := 0
	err := w.with(ctx, func(a *agent.Agent) error {
		for range n {
			in, err := w.injectAt(ctx, a, container, w.latency(felt, w.peer, ""), "")
			if err != nil {
				return err
			}
			back, onRecord, err := w.back(ctx, in, container, again)
			if err = errors.Join(err, in.Revert(context.WithoutCancel(ctx))); err != nil {
				return err
			}
			if onRecord {
				ended++
			} else {
				took = append(took, back)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.figure(7, how, judge(took.quantile(1) <= time.Second), "p50 %s ms, at most %s ms (n = %d); %d ended on the record",
		ms(took.p50()), ms(took.quantile(1)), len(took), ended)
	w.table("Another life of the target in the middle of a fault: "+how, fmt.Sprintf("n = %d, from the start of the container's process.", n),
		[]string{"what", "p50 / p99 / greatest, ms"}, []string{"until the fault is in place again and proved", spread(took)})
	return nil
}

// back gives how long after the start of the container's next process the fault was
// proved there, or says that it ended on the record.
func (w *world) back(ctx context.Context, in *agent.Injection, container string, again func() error) (took time.Duration, ended bool, err error) {
	if err := again(); err != nil {
		return 0, false, err
	}
	c, err := w.Inspect(ctx, container)
	if err != nil {
		return 0, false, err
	}
	for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
		switch e := in.Status(); {
		case e.State != agent.Active:
			return 0, true, nil
		case e.PID == c.Pid && e.Measured != nil:
			return e.ActiveAt.Sub(c.StartedAt), false, nil
		}
	}
	return lost, false, nil
}
