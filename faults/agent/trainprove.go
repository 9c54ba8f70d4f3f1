package agent

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"faultlab/faults/agent/carrier"
)

const (
	// trainTime is how long a train takes that proves a rate: long beside the delays of a
	// busy machine.
	trainTime = 200 * time.Millisecond
	// excess is how much more than the rate a path must carry without the fault; trains
	// ask for twice the rate.
	excess = 1.3
)

// placeTrained puts an effect in place that is proved by a train of probes: by their
// order, or by their distance in time.
func (f *packetFault) placeTrained(ctx context.Context) (carrier.Placed, error) {
	f.effect.tag = freeTag(f.space.effects(), f.effect.id)
	if err := f.before(ctx); err != nil {
		return carrier.Placed{}, err
	}
	f.carriedBefore = f.carried(f.bare)
	if l, carried := f.effect.link(), f.carriedBefore; l.rate > 0 && carried < excess*float64(l.rate) {
		return carrier.Placed{}, &Error{Code: Unproved,
			Message: fmt.Sprintf("a rate of %s would not be felt at %s (%s): without the fault its probes are answered at %s", bitRate(float64(l.rate)), f.route.to, f.route.method, bitRate(carried)),
			Remedy:  "choose a lower rate, or a probe address that answers more quickly"}
	}
	backend, err := f.install()
	if err != nil {
		return carrier.Placed{}, err
	}
	for _, e := range f.space.effects() {
		if e.id == f.effect.id {
			f.effect.kernel, f.effect.seed, f.effect.bucket = e.kernel, e.seed, e.bucket
		}
	}
	var m *Measurement
	for try := range delayAttempts {
		if try > 0 && !pause(ctx, 100*time.Millisecond) {
			break
		}
		res, err := f.space.probe(ctx, f.train())
		if err != nil {
			return carrier.Placed{}, err
		}
		m = measurement(f.route, res, median(f.bare.rtts), outlook{})
		m.LossBand = [2]float64{0, 100} // a queue that is full drops
		saw, ok := f.judgeTrain(res)
		if m.Saw = saw; ok {
			return carrier.Placed{Backend: backend, Seed: f.effect.seed, Measured: m}, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return carrier.Placed{}, err
	}
	return carrier.Placed{}, errorf(Unproved, "effect not seen at %s (%s): %s", f.route.to, f.route.method, m.Saw)
}

// before sees what becomes of a train without the effect. A busy machine may answer one
// late, but not each.
func (f *packetFault) before(ctx context.Context) error {
	for range attempts {
		res, err := f.space.probe(ctx, f.train())
		if err != nil {
			return err
		}
		if f.bare.sent == 0 || f.carried(res) > f.carried(f.bare) {
			f.bare = res
		}
		if f.carried(f.bare) >= excess*float64(f.effect.link().rate) && len(f.bare.rtts) > 0 {
			return nil
		}
	}
	return nil
}

// judgeTrain says what a train saw, and whether that is what the effect does.
func (f *packetFault) judgeTrain(res probeResult) (saw string, ok bool) {
	if l := f.effect.link(); l.rate > 0 {
		rate, carried := float64(l.rate), f.carried(res)
		saw = fmt.Sprintf("%d of %d probes were answered at %s (%s set, %s before)", len(res.came), res.sent, bitRate(carried), bitRate(rate), bitRate(f.carriedBefore))
		// What others send takes its share of a link that the probes have not to themselves.
		alone := !f.effect.kernel && f.route.method != methodDNS
		return saw, carried > 0 && carried <= 1.15*rate && (alone && carried >= .75*rate || !alone && f.pressed(res))
	}
	o := f.effect.order()
	n, late := overtaken(res), f.late(res, o)
	lo, hi := f.overtakings(o, len(res.came)-1)
	by := median(late)
	if len(f.bare.rtts) > 0 { // the quickest: it is seen once, and the machine may have stalled
		by -= slices.Min(f.bare.rtts)
	}
	saw = fmt.Sprintf("%d of %d answers overtook the one before (%d to %d expected); those held back came %.1f ms later", n, len(res.came), lo, hi, ms(by))
	return saw, n > 0 && n >= lo && n <= hi && by >= o.delay*4/5-300*time.Microsecond
}

// pressed tells whether the train had to wait for its turn, or lost packets that had to
// wait for too long: a slow machine alone does not make a link.
func (f *packetFault) pressed(res probeResult) bool {
	if res.lost()*20 > res.sent || len(res.rtts) == 0 {
		return true
	}
	l := f.effect.link()
	// Half of the last packets' bytes are still to be carried when they are sent.
	backlog := time.Duration(res.sent-f.atOnce()) * l.time(f.questionBytes()) / 2
	return median(res.rtts[len(res.rtts)*2/3:])-median(f.bare.rtts) > min(backlog, l.wait)/4
}

// train is the series that shows the effect.
func (f *packetFault) train() probeRun {
	run := probeRun{method: f.route.method, to: f.route.to, train: f.effect.tag, wait: waitFor(f.route, f.route.expect(f.space.effects()))}
	if l := f.effect.link(); l.rate > 0 {
		run.bytes = l.trainBytes()
		each := l.time(f.questionBytes())
		run.count = f.atOnce() + int(min(max(trainTime/each, 8), 4000))
		run.interval = each / 2 // the link is full, whatever it holds back
		run.wait += min(l.wait, time.Duration(run.count)*each) + each
		return run
	}
	o := f.effect.order()
	run.count = int(min(max(math.Ceil(7/f.neighbours(o)), 100), 4000))
	run.interval = min(o.delay/8, lossInterval)
	run.wait += 2 * o.delay
	return run
}

// questionBytes is what a probe of a rate's train counts on the link.
func (f *packetFault) questionBytes() int {
	n, v6 := f.effect.link().trainBytes(), 0
	if f.route.to.addr.Is6() {
		v6 = 20
	}
	switch {
	case f.route.method == methodICMP:
		return max(n, 56) + 28 + v6
	case f.route.method == methodDNS:
		return len(dnsQuery(0)) + 28 + v6
	case f.effect.kernel:
		return n + 40 + v6
	}
	return n // a SYN and what answers it count as much as is set for them
}

// atOnce is how many packets of a train leave while what the kernel's bucket held at
// first goes: twice what it holds, because the train brings twice the rate.
func (f *packetFault) atOnce() int { return 2 * f.effect.bucket / f.questionBytes() }

// carried is how quickly answers came, in bits per second, the first ones left out.
func (f *packetFault) carried(res probeResult) float64 {
	came := f.underLoad(res.came)
	if len(came) < 2 {
		return 0
	}
	bytes := 0
	for _, a := range came[1:] {
		if f.route.method == methodDNS && f.effect.out == nil {
			bytes += a.bytes + 28
		} else {
			bytes += f.questionBytes()
		}
	}
	return float64(bytes) * 8 / max(came[len(came)-1].at.Sub(came[0].at).Seconds(), 1e-6)
}

// asked is how quickly questions were sent that carried looks at the answers of, in bits
// per second.
func (f *packetFault) asked(res probeResult) float64 {
	came := f.underLoad(slices.SortedFunc(slices.Values(res.came), func(a, b arrival) int { return a.probe - b.probe }))
	if len(came) < 2 {
		return 0
	}
	first, last := came[0], came[len(came)-1]
	return float64((last.probe-first.probe)*f.questionBytes()) * 8 / max(last.sent.Sub(first.sent).Seconds(), 1e-6)
}

// underLoad leaves out the first answers: those to what the bucket let pass, and those
// before there is anything to wait for.
func (f *packetFault) underLoad(came []arrival) []arrival {
	return came[min(max(len(came)/3, f.atOnce()), len(came)):]
}

// overtaken counts the answers that came before that to the question before.
func overtaken(res probeResult) int {
	place := make(map[int]int, len(res.came))
	for i, a := range res.came {
		place[a.probe] = i
	}
	n := 0
	for i, a := range res.came {
		if before, ok := place[a.probe-1]; ok && i < before {
			n++
		}
	}
	return n
}

// late gives the round trips of those that were held back at least once.
func (f *packetFault) late(res probeResult, o ordering) []time.Duration {
	if len(f.bare.rtts) == 0 {
		return nil
	}
	limit := slices.Min(f.bare.rtts) + o.delay/2
	return slices.DeleteFunc(slices.Clone(res.rtts), func(d time.Duration) bool { return d < limit })
}

// neighbours is the share of neighbours of which the second overtakes the first: it is
// held back less often. With a gap the next after one that went ahead does not.
func (f *packetFault) neighbours(o ordering) float64 {
	p := o.ahead()
	switch {
	case f.effect.out != nil && f.effect.in != nil:
		// Held back 0, 1 or 2 times; two draws differ by chance, one way or the other.
		return (1 - math.Pow(p, 4) - math.Pow(2*p*(1-p), 2) - math.Pow(1-p, 4)) / 2
	case o.gap > 1:
		return p
	}
	return p * (1 - p)
}

// overtakings gives the band of the number of overtakings in n pairs of neighbours.
func (f *packetFault) overtakings(o ordering, n int) (lo, hi int) {
	lo, hi = binomialBand(max(n, 0), f.neighbours(o))
	if o.gap > 1 && f.effect.out != nil && f.effect.in != nil {
		_, hi = binomialBand(max(n, 0), min(2*o.ahead(), 1)) // the draws hang together
	}
	return lo, hi
}

// bitRate spells a rate out.
func bitRate(perSecond float64) string {
	switch {
	case perSecond >= 1e9:
		return fmt.Sprintf("%.2f Gbit/s", perSecond/1e9)
	case perSecond >= 1e6:
		return fmt.Sprintf("%.2f Mbit/s", perSecond/1e6)
	}
	return fmt.Sprintf("%.2f kbit/s", perSecond/1e3)
}
