package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
)

const (
	rounds   = 6
	small    = time.Millisecond // the delay whose costs are measured
	large    = 50 * time.Millisecond
	bulkTime = time.Second
	rateTime = time.Second / 2
)

// way is a state of the path from the target to the peer, and what was measured in it, round by round.
type way struct {
	name       string
	set        time.Duration // what is meant to be added
	packets    bool          // it carries datagrams
	echo       series
	p50s, mbs  []float64 // medians in us; megabytes a second
	sent, came []float64 // datagrams a second, as many as go
	hit        []float64 // of those, what the fault took
	kept       []float64 // share of 20,000 a second that the fault took
}

// measureOverhead takes the states of the path in turns: with no agent, with an idle one,
// with a fault for somebody else, with one for the peer, and through Toxiproxy.
func measureOverhead(ctx context.Context, w *world) error {
	tox, err := w.startToxiproxy(ctx)
	if err != nil {
		return err
	}
	defer tox.close()
	bare := &way{name: "no agent", packets: true}
	idle := &way{name: "agent resident, no fault", packets: true}
	other := &way{name: "1 ms for another peer", packets: true}
	type laid struct {
		*way
		backend, container string
		fault              faults.Latency
	}
	list := []laid{{other, w.backends()[0], w.target, w.latency(small, w.bystander, w.backends()[0])}}
	active := map[string]*way{}
	for _, b := range w.backends() {
		active[b] = &way{name: "1 ms for this peer, " + b, set: small, packets: true}
		far := &way{name: "50 ms for this peer, " + b, set: large, packets: true}
		list = append(list, laid{active[b], b, w.target, w.latency(small, w.peer, b)}, laid{far, b, w.target, w.latency(large, w.peer, b)})
	}
	for _, d := range []time.Duration{small, large} {
		f := w.latency(d, w.own, "queue")
		f.Direction = faults.In
		list = append(list, laid{&way{name: fmt.Sprintf("%s ms at the peer's end, queue", ms(d)), set: d, packets: true}, "queue", w.receiver, f})
	}
	ways := []*way{bare, idle}
	for _, x := range list {
		ways = append(ways, x.way)
	}
	through := &way{name: "through Toxiproxy, no toxic"}
	toxics := []*way{{name: "through Toxiproxy, 1 ms", set: small}, {name: "through Toxiproxy, 50 ms", set: large}}
	if tox != nil {
		ways = append(append(ways, through), toxics...)
	}
	echo, sink := netip.AddrPortFrom(w.peer, portEcho), netip.AddrPortFrom(w.peer, portSink)
	none := func(x *way) error { return w.load(x, echo, sink, nil) }
	resident := func() error {
		return w.with(ctx, func(a *agent.Agent) error {
			if err := none(idle); err != nil {
				return err
			}
			for _, x := range list {
				in, err := w.injectAt(ctx, a, x.container, x.fault, x.backend)
				if err != nil {
					return err
				}
				if err := errors.Join(w.load(x.way, echo, sink, in), in.Revert(context.WithoutCancel(ctx))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	proxied := func() error {
		if tox == nil {
			return nil
		}
		errs := []error{w.load(through, tox.echo, tox.sink, nil)}
		for _, x := range toxics {
			errs = append(errs, tox.delayed(ctx, x.set, func() error { return w.load(x, tox.echo, tox.sink, nil) }))
		}
		return errors.Join(errs...)
	}
	for i := range rounds {
		turn := []func() error{func() error { return none(bare) }, resident, proxied}
		if i%2 == 1 {
			slices.Reverse(turn)
		}
		for _, f := range turn {
			if err := f(); err != nil {
				return err
			}
		}
	}
	w.overheads(ways, bare)
	w.judgeIdle(bare, idle, other)
	for _, b := range w.backends() {
		w.judgeActive(b, bare, active[b])
	}
	return nil
}

// load puts the path under every kind of load once; in is the fault on it, if one is.
func (w *world) load(x *way, echo, sink netip.AddrPort, in *agent.Injection) error {
	lines := w.count(1000)
	if x.set == large {
		lines = max(2, lines/50)
	}
	rtts, err := pingPong(w.pid, echo, lines)
	if err != nil {
		return err
	}
	x.echo = append(x.echo, rtts...)
	x.p50s = append(x.p50s, float64(rtts.p50()-x.set)/1e3)
	send := w.span(bulkTime)
	if x.set == large {
		send = 2 * bulkTime // a connection has to find out how much fits
	}
	mbs, err := bulk(w.pid, sink, w.peer, send)
	if err != nil {
		return err
	}
	x.mbs = append(x.mbs, mbs)
	if !x.packets {
		return nil
	}
	// Of 20,000 a second, how many the fault takes; of as many as go, how many arrive.
	for _, perSecond := range []int{20000, 0} {
		before := hits(in)
		sent, came, took, err := flood(w.pid, w.peer, perSecond, w.span(rateTime))
		if err != nil {
			return err
		}
		hit := float64(hits(in) - before)
		if perSecond > 0 {
			x.kept = append(x.kept, hit/float64(sent))
			continue
		}
		x.sent, x.came = append(x.sent, float64(sent)/took.Seconds()), append(x.came, float64(came)/took.Seconds())
		x.hit = append(x.hit, hit/took.Seconds())
	}
	return nil
}

func (w *world) span(full time.Duration) time.Duration {
	return max(time.Duration(float64(full)*min(w.share, 1)), 100*time.Millisecond)
}

func hits(in *agent.Injection) uint64 {
	if in == nil {
		return 0
	}
	return in.Status().Packets.Hit
}

// overheads is the table of the ways, side by side.
func (w *world) overheads(ways []*way, bare *way) {
	rows := [][]string{{"path", "echo: p50 / p99, us", "p50 less what is set and no agent's, us", "MB/s", "of no agent's",
		"datagrams/s sent, arrived", "of those in the fault", "in the fault at 20,000/s, %"}}
	for _, x := range ways {
		mid, least, most := middle(x.more(bare))
		ratio, rl, rm := pairs{bare.mbs, x.mbs}.ratio()
		row := []string{x.name, us(x.echo.p50()) + " / " + us(x.echo.p99()), fmt.Sprintf("%+.0f (%+.0f to %+.0f)", mid, least, most),
			mids("%.1f", x.mbs), fmt.Sprintf("%.3f (%.3f to %.3f)", ratio, rl, rm)}
		if !x.packets {
			row = append(row, "TCP only", "", "")
		} else {
			row = append(row, mids("%.0f", x.sent)+", "+mids("%.0f", x.came), "", "")
			if x.set > 0 {
				row[6], row[7] = mids("%.0f", x.hit), mids("%.1f", percents(x.kept))
			}
		}
		rows = append(rows, row)
	}
	w.table("What it costs", fmt.Sprintf("%d rounds, every path once in each: %d lines (a 50th of it where they take 50 ms) to and fro over one connection, %v apart, one connection that sends for %v (%v at 50 ms), datagrams for %v. "+
		"What waits at the peer's end is not the sender's any more: the kernel lets a connection send little before what it has sent has left. "+
		"Cells with a bracket are medians of the rounds with the least and the greatest; Toxiproxy runs in the target's own network.",
		rounds, w.count(1000), gap, w.span(bulkTime), 2*bulkTime, w.span(rateTime)), rows...)
}

// more is by how much the median of each round is above that of another way, in us.
func (x *way) more(than *way) []float64 {
	var out []float64
	for i := range min(len(x.p50s), len(than.p50s)) {
		out = append(out, x.p50s[i]-than.p50s[i])
	}
	return out
}

func mids(format string, v []float64) string {
	mid, least, most := middle(v)
	return fmt.Sprintf(format+" ("+format+" to "+format+")", mid, least, most)
}

func percents(v []float64) []float64 {
	out := slices.Clone(v)
	for i := range out {
		out[i] *= 100
	}
	return out
}

// judgeIdle asks whether what an agent costs others is within what no agent's rounds differ by.
func (w *world) judgeIdle(bare *way, others ...*way) {
	mid, least, most := middle(bare.p50s)
	noise := max(most-mid, mid-least)
	_, bl, _ := middle(bare.mbs)
	for _, x := range others {
		more, _, _ := middle(x.more(bare))
		mbs, _, _ := middle(x.mbs)
		w.figure(5, x.name, judge(more <= noise && mbs >= bl), "%+.1f us (no agent's own rounds differ by %.1f us); %.0f MB/s (no agent: at least %.0f)",
			more, noise, mbs, bl)
	}
}

func (w *world) judgeActive(backend string, bare, x *way) {
	more, _, _ := middle(x.more(bare))
	mbs, _, _ := middle(x.mbs)
	hit, _, _ := middle(x.hit)
	_, kept, _ := middle(x.kept)
	w.figure(5, "active, "+backend+": round trip", judge(more <= 100), "%+.0f us besides the 1 ms", more)
	w.figure(5, "active, "+backend+": one connection", judge(mbs >= 800), "%.0f MB/s", mbs)
	w.figure(5, "active, "+backend+": datagrams", judge(hit >= 20000 && kept > 0.99), "%.0f/s in the fault under as many as go; of 20,000/s at least %.1f %%", hit, 100*kept)
}
