package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/agent/netspace"
	"faultlab/faults/engine"
)

// measureCold starts an agent for one fault, and kills it.
func measureCold(ctx context.Context, w *world) error {
	n := w.count(25)
	var cold, gone, clean series
	for range n {
		f, g, c, err := w.killed(ctx)
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

// killed gives how long a fault took from nothing, and after kill -9 to be gone and to leave nothing.
func (w *world) killed(ctx context.Context) (cold, gone, clean time.Duration, err error) {
	before, err := w.left()
	if err != nil {
		return 0, 0, 0, err
	}
	var called, kill time.Time
	var a *agent.Agent
	defer func() {
		if a != nil {
			_ = a.Close(context.WithoutCancel(ctx)) // tells that it was killed
		}
	}()
	all, began, err := w.watched(ctx, func() error {
		called = time.Now()
		if a, err = w.start(ctx); err != nil {
			return err
		}
		if _, err := w.inject(ctx, a, w.latency(felt, w.peer, ""), ""); err != nil {
			return err
		}
		c, err := w.Inspect(ctx, a.ContainerID())
		if err != nil {
			return err
		}
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		kill = time.Now()
		if err := syscall.Kill(c.Pid, syscall.SIGKILL); err != nil {
			return err
		}
		for time.Since(kill) < 15*time.Second {
			now, err := w.left()
			if err != nil {
				return err
			}
			_, err = w.Inspect(ctx, a.ContainerID())
			if now == before && engine.IsNotFound(err) {
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

// measureRestart restarts the target in the middle of a fault.
func measureRestart(ctx context.Context, w *world) error {
	n := w.count(20)
	var took series
	err := w.with(ctx, func(a *agent.Agent) error {
		return w.faulted(ctx, a, w.latency(felt, w.peer, ""), "", func(in *agent.Injection) error {
			for range n {
				if err := w.Restart(ctx, w.target, 0); err != nil {
					return err
				}
				c, err := w.Inspect(ctx, w.target)
				if err != nil {
					return err
				}
				back := lost
				for began := time.Now(); time.Since(began) < 5*time.Second; time.Sleep(5 * time.Millisecond) {
					if e := in.Status(); e.State == agent.Active && e.PID == c.Pid && e.Measured != nil {
						back = e.ActiveAt.Sub(c.StartedAt)
						break
					}
				}
				took = append(took, back)
			}
			return nil
		})
	})
	err = errors.Join(err, w.look(ctx))
	if err != nil {
		return err
	}
	w.figure(7, "docker restart", judge(took.quantile(1) <= time.Second), "p50 %s ms, at most %s ms (n = %d)", ms(took.p50()), ms(took.quantile(1)), n)
	w.table("A restart of the target in the middle of a fault", fmt.Sprintf("n = %d, from the start of the container's process.", n),
		[]string{"what", "p50 / p99 / greatest, ms"}, []string{"until the fault is in place again and proved", spread(took)})
	return nil
}
