package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"faultlab/faults/agent"
)

const (
	felt  = 20 * time.Millisecond  // the delay whose coming and going is timed
	every = 500 * time.Microsecond // between the packets that tell
)

// watched runs f while packets go from the target to the peer, and gives the packets with
// the time their clock started.
func (w *world) watched(ctx context.Context, f func() error) ([]packet, time.Time, error) {
	return w.during(ctx, func(ctx context.Context) ([]packet, time.Time, error) {
		return stream(ctx, w.pid, netip.AddrPortFrom(w.peer, portEcho), 0, every, 2*felt)
	}, f)
}

// during runs f while something is sent.
func (w *world) during(ctx context.Context, send func(context.Context) ([]packet, time.Time, error), f func() error) ([]packet, time.Time, error) {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	type result struct {
		all   []packet
		began time.Time
		err   error
	}
	done := make(chan result, 1)
	go func() {
		all, began, err := send(sending)
		done <- result{all, began, err}
	}()
	time.Sleep(10 * time.Millisecond)
	err := f()
	stop()
	r := <-done
	if err == nil {
		err = r.err
	}
	return r.all, r.began, err
}

func slow(rtt time.Duration) bool  { return rtt >= felt }
func quick(rtt time.Duration) bool { return rtt < felt }

// cycle is a fault that comes and goes, as a user's packets see it.
type cycle struct {
	felt, active   time.Duration // from the call
	gone, reverted time.Duration // from the call
	wrong          int           // packets that were quick while the fault was said to be active, or slow after it was said to be gone
}

func (w *world) cycle(ctx context.Context, a *agent.Agent, backend string) (cycle, error) {
	var t [4]time.Time
	all, began, err := w.watched(ctx, func() error {
		t[0] = time.Now()
		in, err := w.inject(ctx, a, w.latency(felt, w.peer, backend), backend)
		if err != nil {
			return err
		}
		t[1] = time.Now()
		time.Sleep(2 * felt)
		t[2] = time.Now()
		if err := in.Revert(ctx); err != nil {
			return err
		}
		t[3] = time.Now()
		time.Sleep(felt)
		return nil
	})
	if err != nil {
		return cycle{}, err
	}
	c := cycle{felt: lost, active: t[1].Sub(t[0]), gone: lost, reverted: t[3].Sub(t[2])}
	if at, ok := change(all, t[0].Sub(began), slow); ok {
		c.felt = at - t[0].Sub(began)
	}
	if at, ok := change(all, t[2].Sub(began), quick); ok {
		c.gone = at - t[2].Sub(began)
	}
	for _, p := range all {
		// The last packets in the fault are let go when it is reverted.
		if p.at > t[1].Sub(began) && p.at+felt < t[2].Sub(began) && p.rtt < felt {
			c.wrong++
		}
	}
	if at, ok := change(all, t[3].Sub(began), slow); ok {
		w.notes("slow again %v after the revert", at-t[3].Sub(began))
		c.wrong++
	}
	return c, nil
}

func measureInject(ctx context.Context, w *world) error {
	n := w.count(200)
	floor := w.floors()
	tox, err := w.startToxiproxy(ctx)
	if err != nil {
		return err
	}
	defer tox.close()
	var toxics [4]series // as the columns
	rows := [][]string{{"how", "n", "first affected packet, ms", "active, ms", "first free packet after the revert, ms", "reverted, ms"}}
	for _, b := range w.backends() {
		var felt, active, gone, reverted series
		wrong := 0
		err := w.with(ctx, func(a *agent.Agent) error {
			for i := range n {
				c, err := w.cycle(ctx, a, b)
				if err != nil {
					return err
				}
				felt, active = append(felt, c.felt), append(active, c.active)
				gone, reverted = append(gone, c.gone), append(reverted, c.reverted)
				wrong += c.wrong
				if i%7 == 0 { // those compared take turns with ours
					if err := w.measureFloors(ctx, floor); err != nil {
						return err
					}
					if tox == nil {
						continue
					}
					c, err := w.toxic(ctx, tox)
					if err != nil {
						return err
					}
					for i, took := range []time.Duration{c.felt, c.active, c.gone, c.reverted} {
						toxics[i] = append(toxics[i], took)
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		rows = append(rows, []string{"agent resident, " + b, fmt.Sprint(n), spread(felt), spread(active), spread(gone), spread(reverted)})
		w.figure(1, "agent resident, "+b, judge(felt.p50() <= 25*time.Millisecond && felt.p99() <= 150*time.Millisecond),
			"p50 %s ms, p99 %s ms (n = %d)", ms(felt.p50()), ms(felt.p99()), n)
		w.figure(2, "delay, "+b, judge(active.p99() <= time.Second && wrong == 0),
			"active after p50 %s ms, p99 %s ms; %d packets of %d injections were not as said", ms(active.p50()), ms(active.p99()), wrong, n)
	}
	if tox != nil {
		rows = append(rows, []string{"Toxiproxy resident, a toxic by its API", fmt.Sprint(len(toxics[0])), spread(toxics[0]), spread(toxics[1]), spread(toxics[2]), spread(toxics[3])})
	}
	for _, f := range floor {
		rows = append(rows, []string{f.name, fmt.Sprint(len(f.took)), "", spread(f.took), "", ""})
	}
	w.table("To inject and to revert", fmt.Sprintf("A delay of %v one-way; a packet each %v tells. Each cell: p50 / p99 / greatest. "+
		"What follows the agent is in turns with it, proves nothing and follows nothing: Toxiproxy, whose delay lines of TCP tell, and the least such a way takes.", time.Duration(20*time.Millisecond), every), rows...)
	return nil
}

// spread writes p50, p99 and the greatest in milliseconds.
func spread(s series) string {
	return fmt.Sprintf("%s / %s / %s", ms(s.p50()), ms(s.p99()), ms(s.quantile(1)))
}
