package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"faultlab/faults/agent"
)

var delays = []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond, time.Second}

const (
	paceOf   = 2 * time.Millisecond // between two connections
	patience = 500 * time.Millisecond
)

// measureDelay compares the delay set with the one that connections and lines over them have.
func measureDelay(ctx context.Context, w *world) error {
	n := w.count(1000)
	rows := [][]string{{"set, ms", "by", "connect: p50 / p99 / worst error, ms", "echo: p50 / p99 / worst error, ms", "did not come back"}}
	echo := netip.AddrPortFrom(w.peer, portEcho)
	tox, err := w.startToxiproxy(ctx)
	if err != nil {
		return err
	}
	defer tox.close()
	worst := map[string]*[2]time.Duration{}
	for _, d := range delays {
		// one measures without and with, and puts a row into the table.
		one := func(by string, to netip.AddrPort, with func(do func() error) error) error {
			c0, e0, err := exchanges(w.pid, to, n, paceOf, patience)
			if err != nil {
				return err
			}
			var c, e series
			err = with(func() (err error) {
				c, e, err = exchanges(w.pid, to, n, paceOf, patience+4*d)
				return err
			})
			if err != nil {
				return err
			}
			c, e = c.errors(c0.p50()+d), e.errors(e0.p50()+d)
			rows = append(rows, []string{ms(d), by, off(c), off(e), fmt.Sprint(2*n - len(c) - len(e))})
			if worst[by] == nil {
				worst[by] = &[2]time.Duration{}
			}
			for _, s := range []series{c, e} {
				if len(s) < n {
					worst[by][1] = lost
				}
				worst[by][0], worst[by][1] = max(worst[by][0], s.p50().Abs()), max(worst[by][1], s.beyond(0.99))
			}
			return nil
		}
		for _, b := range w.backends() {
			err := w.with(ctx, func(a *agent.Agent) error {
				return one(b, echo, func(do func() error) error {
					return w.faulted(ctx, a, w.latency(d, w.peer, b), b, func(*agent.Injection) error { return do() })
				})
			})
			if err != nil {
				return err
			}
		}
		if tox != nil {
			if err := one("Toxiproxy", tox.echo, func(do func() error) error { return tox.delayed(ctx, d, do) }); err != nil {
				return err
			}
		}
	}
	for _, b := range w.backends() {
		w.figure(3, b, judge(worst[b][0] <= time.Millisecond && worst[b][1] <= 3*time.Millisecond),
			"connect and echo: p50 off by at most %s ms, p99 by %s ms (n = %d each)", ms(worst[b][0]), ms(worst[b][1]), n)
	}
	w.table("Delays", fmt.Sprintf("n = %d connections for each line, one each %v, and an echo over each. "+
		"The error is what was added to the median without the fault, less what was set. Toxiproxy's is against the way through it, and it delays no connect.", n, paceOf), rows...)
	return nil
}

// off writes the median error, how far off 99 percent are at most, and the worst.
func off(s series) string {
	return fmt.Sprintf("%s / %s / %s", ms(s.p50()), ms(s.beyond(0.99)), ms(s.worst()))
}
