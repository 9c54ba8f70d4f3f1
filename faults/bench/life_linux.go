package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"faultlab/faults/agent/netspace"
	"faultlab/faults/engine"
)

// measureCold starts an agent for one fault, and kills it.
func measureCold(ctx context.Context, w *world) error {
	n := w.count(25)
	var cold, gone, clean series
	for range n {
		f, g, c, err := w.killed(ctx, w.resident)
		if err != nil {
			return err
		}
		cold, gone, clean = append(cold, f), append(gone, g), append(clean, c)
	}
	w.figure(1, "no agent yet", judge(cold.p99() <= 500*time.Millisecond), "p50 %s ms, p99 %s ms (n = %d)", ms(cold.p50()), ms(cold.p99()), n)
	w.figure(6, "kill -9 of the agent", judge(gone.quantile(1) <= 2*time.Second && clean.quantile(1) <= 10*time.Second),
		"effect gone after p50 %s ms, at most %s ms; nothing left after at most %s ms (n = %d)",
		ms(gone.p50()), ms(gone.quantile(1)), ms(clean.quantile(1)), n)
	w.table("A cold agent, and its end by kill -9", fmt.Sprintf("n = %d. The agent is killed 0 to 50 ms after its fault is active.", n),
		[]string{"what", "p50 / p99 / greatest, ms"},
		[]string{"from nothing to the first affected packet (sweep, container, agent, fault)", spread(cold)},
		[]string{"from the kill to the first free packet", spread(gone)},
		[]string{"from the kill until there is no container, and no table in the target", spread(clean)})
	return nil
}

// victim is a process that is killed while its fault is active.
type victim struct {
	kill  func() error
	close func()      // lets go of what is left of it here
	gone  func() bool // its containers are
}

// resident is an agent whose fault is active.
func (w *world) resident(ctx context.Context) (victim, error) {
	a, err := w.start(ctx)
	if err != nil {
		return victim{}, err
	}
	v := victim{
		close: func() { _ = a.Close(context.WithoutCancel(ctx)) }, // tells that it was killed
		gone: func() bool {
			_, err := w.Inspect(ctx, a.ContainerID())
			return engine.IsNotFound(err)
		},
	}
	_, err = w.inject(ctx, a, w.latency(felt, w.peer, ""), "")
	if err == nil {
		var c engine.Container
		c, err = w.Inspect(ctx, a.ContainerID())
		v.kill = func() error { return syscall.Kill(c.Pid, syscall.SIGKILL) }
	}
	if err != nil {
		v.close()
	}
	return v, err
}

// killed gives how long a fault took from nothing, and after kill -9 to be gone and to leave nothing.
func (w *world) killed(ctx context.Context, begin func(context.Context) (victim, error)) (cold, gone, clean time.Duration, err error) {
	before, err := w.left()
	if err != nil {
		return 0, 0, 0, err
	}
	var called, kill time.Time
	all, began, err := w.watched(ctx, func() error {
		called = time.Now()
		v, err := begin(ctx)
		if err != nil {
			return err
		}
		defer v.close()
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		kill = time.Now()
		if err := v.kill(); err != nil {
			return err
		}
		for time.Since(kill) < 15*time.Second {
			now, err := w.left()
			if err != nil {
				return err
			}
			if now == before && v.gone() {
				clean = time.Since(kill)
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(felt)
		return nil
	})
	if err != nil {
		return 0, 0, 0, err
	}
	cold, gone = lost, lost
	if clean == 0 {
		clean = lost
	}
	if at, ok := change(all, called.Sub(began), slow); ok {
		cold = at - called.Sub(began)
	}
	if at, ok := change(all, kill.Sub(began), quick); ok {
		gone = at - kill.Sub(began)
	}
	return cold, gone, clean, nil
}

// left names the tables in the target.
func (w *world) left() (string, error) {
	var names []string
	err := netspace.Inside(w.pid, func() (err error) {
		names, err = tables()
		return err
	})
	return fmt.Sprint(names), err
}
