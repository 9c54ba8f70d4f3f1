package agent

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	delayProbes   = 15
	delayInterval = 3 * time.Millisecond
	shortProbes   = 5 // before a fault is put in place: it has to be there soon
	shortInterval = time.Millisecond
	steady        = time.Millisecond // spread of a short series that can be trusted
	lossInterval  = 500 * time.Microsecond
	attempts      = 3 // a measurement outside its band is repeated: bands are 99.9 percent
	delayAttempts = 6 // of a delay: a machine that stalls for a moment makes it look too long
	slack         = 3 * time.Millisecond
)

// delayRun is a series to measure the round trip when o is expected.
func delayRun(r route, o outlook) probeRun {
	n := delayProbes
	if o.loss > 0 {
		n = int(min(float64(n)/max(1-o.loss, 0.01), 300))
	}
	// Apart: those that a machine that stalled sends at once it may answer late at once too.
	return probeRun{method: r.method, to: r.to, count: n, interval: max(delayInterval, o.pace), apart: true, wait: waitFor(r, o)}
}

// waitFor is how long an answer may take before it counts as lost.
func waitFor(r route, o outlook) time.Duration {
	return o.delay + o.jitter + 10*r.bare + 300*time.Millisecond
}

// proveActive measures until the effect is seen. sp has it installed.
func proveActive(ctx context.Context, sp space, e effect, r route, before time.Duration) (*Measurement, error) {
	all := sp.effects()
	without := slices.DeleteFunc(slices.Clone(all), func(o effect) bool { return o.id == e.id })
	want, base := r.expect(all), r.expect(without)
	set := r.expect([]effect{e})
	n := probeCount(set)
	var m *Measurement
	tries := attempts
	if n == 0 {
		tries = delayAttempts
	}
	for try := range tries {
		if try > 0 && !pause(ctx, 100*time.Millisecond) {
			break
		}
		run := delayRun(r, want)
		if n > 0 {
			run.count, run.interval, run.apart = n<<try, max(lossInterval, want.pace), false // more on every try: a verdict, not a dice roll
		}
		if set.twice > 0 {
			run.again = lull(r, want)
		}
		res, err := sp.probe(ctx, run)
		if err != nil {
			return nil, err
		}
		m = measurement(r, res, before, want)
		m.Saw = sawAnswers(res, set, want)
		delayOK := set.delay == 0
		if !delayOK && len(res.rtts) > 0 {
			added, quickest := median(res.rtts)-before, slices.Min(res.rtts)-before
			if want.jitter == 0 {
				// Nothing is faster than a delay. The quickest tell it, now as before, also
				// where the machine stalled and made the others late.
				quickest = slices.Min(res.rtts) - r.quickest - base.delay
				added = quickest
			}
			delayOK = delaySeen(added, quickest, want, base, len(res.rtts), slack+before/2)
		}
		lossOK := set.loss == 0 || lossSeen(res.lost(), res.sent, want, base)
		twiceOK := set.twice == 0 || twiceSeen(res.twice, res.sent, want, base)
		if delayOK && lossOK && twiceOK {
			return m, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return m, err
	}
	return m, errorf(Unproved, "%s", joinReason(fmt.Sprintf("effect not seen at %s (%s): added %.2f ms, want %.2f ms; lost %.2f%% of %d, want %.2f%% to %.2f%%",
		m.Address, m.Method, m.AddedMS, ms(set.delay), m.LossPercent, m.Probes, m.LossBand[0], m.LossBand[1]), m.Saw))
}

// proveGone measures until the effect of e, no longer installed, is not seen any more,
// and gives what it saw then.
func proveGone(ctx context.Context, sp space, e effect, r route) (*Measurement, error) {
	left := r.expect(sp.effects())
	was := r.expect([]effect{e})
	n := probeCount(was)
	why := ""
	for try := range attempts {
		if try > 0 && !pause(ctx, 200*time.Millisecond) {
			break
		}
		run := delayRun(r, left)
		if n > 0 {
			run.count, run.interval, run.apart = n, max(lossInterval, left.pace), false
		}
		if was.twice > 0 {
			run.again = lull(r, left)
		}
		res, err := sp.probe(ctx, run)
		if err != nil {
			return nil, err
		}
		if len(res.rtts) == 0 && left.loss == 1 {
			return nil, hidden(r.to)
		}
		if len(res.rtts) == 0 && was.loss < 1 {
			return nil, errorf(NoProbe, "not measured again: %s does not answer any more", r.to)
		}
		rest := median(res.rtts) - r.bare - left.delay
		if was.jitter == 0 && left.spreads == nil && len(res.rtts) > 0 {
			// Nothing is faster than a delay that is still there: the quickest one is
			// proof, however late a busy machine or netem's order makes the others.
			rest = slices.Min(res.rtts) - r.quickest - left.delay
		}
		if lossGone(res.lost(), res.sent, left) && (was.delay == 0 || delayGone(rest, was.delay)) &&
			(was.twice == 0 || twiceGone(res.twice, res.sent, left)) {
			return measurement(r, res, r.bare, left), nil
		}
		why = fmt.Sprintf("%.2f ms of %.2f ms left, lost %d of %d, %d answered twice", ms(rest), ms(was.delay), res.lost(), res.sent, res.twice)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, errorf(Unproved, "effect still seen at %s after taking it away: %s", r.to, why)
}

// hidden says that an effect is away and nobody could see it: another fault is before it.
func hidden(to endpoint) error {
	return errorf(NoProbe, "not measured again: another fault on this target ends what goes to %s", to)
}

func measurement(r route, res probeResult, before time.Duration, want outlook) *Measurement {
	lo, hi := lossBand(res.sent, want)
	n := float64(max(res.sent, 1))
	m := &Measurement{
		Method: r.method, Address: r.to.String(), Probes: res.sent, Lost: res.lost(),
		LossPercent: 100 * float64(res.lost()) / n,
		LossBand:    [2]float64{100 * float64(lo) / n, 100 * float64(hi) / n},
		BeforeMS:    ms(before),
	}
	if len(res.rtts) > 0 {
		m.AfterMS = ms(median(res.rtts))
		m.AddedMS = m.AfterMS - m.BeforeMS
	}
	return m
}

// lull is how long after the last first answer a second one may still come.
func lull(r route, o outlook) time.Duration { return o.jitter + 10*r.bare + 30*time.Millisecond }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// pause waits; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
