package main

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/netspace"
)

// settle is how long a line of TCP is watched before and after a change: some of them
// take the delay.
const settle = 2 * held * felt

// toxic is a cycle of Toxiproxy's: a toxic of the delay that is felt comes and goes, and
// lines over one connection tell. It proves nothing: active is when its API has answered.
func (w *world) toxic(ctx context.Context, t *toxiproxy) (cycle, error) {
	var at [4]time.Time
	all, began, err := w.during(ctx, func(ctx context.Context) ([]packet, time.Time, error) {
		return lines(ctx, w.pid, t.echo)
	}, func() error {
		at[0] = time.Now()
		if err := t.call(ctx, http.MethodPost, "/proxies/echo/toxics", latencyToxic(felt)); err != nil {
			return err
		}
		at[1] = time.Now()
		time.Sleep(settle)
		at[2] = time.Now()
		if err := t.call(ctx, http.MethodDelete, "/proxies/echo/toxics/late", nil); err != nil {
			return err
		}
		at[3] = time.Now()
		time.Sleep(settle)
		return nil
	})
	if err != nil {
		return cycle{}, err
	}
	c := cycle{felt: lost, active: at[1].Sub(at[0]), gone: lost, reverted: at[3].Sub(at[2])}
	if when, ok := change(all, at[0].Sub(began), slow); ok {
		c.felt = when - at[0].Sub(began)
	}
	if when, ok := change(all, at[2].Sub(began), quick); ok {
		c.gone = when - at[2].Sub(began)
	}
	return c, nil
}

// lines sends one after the other over a connection, from a process's network, each when
// the one before has come back, until ctx ends.
func lines(ctx context.Context, pid int, to netip.AddrPort) (all []packet, began time.Time, err error) {
	err = netspace.Inside(pid, func() error {
		fd, err := blocking(to)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		b := make([]byte, 64)
		began = time.Now()
		for ctx.Err() == nil {
			sent := time.Since(began)
			if _, err := again(unix.Write, fd, b); err != nil {
				return err
			}
			if err := fill(fd, b); err != nil {
				return err
			}
			all = append(all, packet{sent, time.Since(began) - sent})
			time.Sleep(every)
		}
		return nil
	})
	return all, began, err
}
