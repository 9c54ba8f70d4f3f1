package agent

import (
	"fmt"
	"math"
	"slices"
	"time"

	"faultlab/faults/agent/carrier"
)

// probeCount says how many probes tell a loss from none: with ceil(7/p) probes
// all get through by chance in fewer than 1 of 1000 runs (1-p)^n < e^-7. At least
// 100, so that the share measured means something; at most 7000, the least for 0.1
// percent. Bursts take more probes for the same certainty. It is the same for a share
// of the probes that is answered twice.
func probeCount(o outlook) int {
	share := max(o.loss, o.twice)
	if share <= 0 {
		return 0
	}
	return int(min(max(math.Ceil(7/share), 100)*o.spread, 7000))
}

// lossBand gives the numbers of losses out of n that lie in the central 99.9
// percent. With a variance spread times that of single losses, n packets tell as
// much as n/spread single ones.
func lossBand(n int, o outlook) (lo, hi int) { return lossCentral(n, o, .999) }

// lossCentral is lossBand for another share, 0 to 1.
func lossCentral(n int, o outlook, share float64) (lo, hi int) {
	if o.spread <= 1 {
		return carrier.Central(n, o.loss, share)
	}
	few := max(1, int(float64(n)/o.spread))
	lo, hi = carrier.Central(few, o.loss, share)
	scale := float64(n) / float64(few)
	return int(math.Floor(float64(lo) * scale)), min(n, int(math.Ceil(float64(hi)*scale)))
}

// binomialBand gives the numbers of losses out of n that lie in the central
// 99.9 percent when each is lost with share p.
func binomialBand(n int, p float64) (lo, hi int) { return carrier.Band(n, p) }

// median of the durations; 0 for none.
func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	s := slices.Clone(d)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// delaySeen reports whether the added delay measured is what want has more than base,
// which was expected without the fault: within a fifth of it (and 0.3 ms, but never less
// than half), what jitter does to a median of n, and slack for the machine. That it is
// not too long is told by the quickest packet as well: a busy machine makes medians late,
// but not every packet. Without jitter none can be faster than the delay; with it the
// least of n draws is on average about the quantile at 1/(n+1).
func delaySeen(added, quickest time.Duration, want, base outlook, n int, slack time.Duration) bool {
	set := want.delay - base.delay
	// The median of n draws is where a share of the distribution ends that has the
	// mean 1/2 and the deviation 1/(2*sqrt(n+2)), by the order statistics of n even
	// draws; four deviations are met practically always.
	share := min(2/math.Sqrt(float64(n)+2), .5)
	early, late := want.delay-want.at(.5-share), want.at(.5+share)-want.delay
	least := max(set/2, set*4/5-300*time.Microsecond)
	top := min(added, quickest+want.delay-want.at(1/float64(n+1)))
	return added >= least-early && added > set/4 && top <= set*6/5+late+slack
}

// delayGone reports whether what is left of a delay is closer to nothing than to it.
func delayGone(left, was time.Duration) bool {
	return left < was/2 || left < 300*time.Microsecond
}

// lossSeen reports whether lost of n fits what is wanted and cannot be taken for
// base, which was expected without the fault.
func lossSeen(lost, n int, want, base outlook) bool {
	lo, hi := lossBand(n, want)
	if lost < lo || lost > hi {
		return false
	}
	_, baseHi := lossBand(n, base)
	// Where the two bands overlap (a small loss on top of a large one) only
	// the own band can be asked for; the counters prove the rest.
	return lost > baseHi || base.loss > 0
}

// twiceSeen reports the same of probes that were answered more than once.
func twiceSeen(twice, n int, want, base outlook) bool {
	return lossSeen(twice, n, outlook{loss: want.twice}, outlook{loss: base.twice})
}

// twiceGone reports whether the number of probes answered more than once fits what is left.
func twiceGone(twice, n int, left outlook) bool { return lossGone(twice, n, outlook{loss: left.twice}) }

// lossGone reports whether lost of n fits what is left.
func lossGone(lost, n int, left outlook) bool {
	_, hi := lossBand(n, left)
	return lost <= hi
}

// sawAnswers says what delay and loss do not tell; nothing where the effect set neither
// doubles nor damages.
func sawAnswers(res probeResult, set, want outlook) string {
	switch {
	case set.twice > 0:
		lo, hi := binomialBand(res.sent, want.twice)
		return fmt.Sprintf("%d of %d probes were answered twice (%d to %d expected)", res.twice, res.sent, lo, hi)
	case set.damaged:
		lo, hi := lossBand(res.sent, want)
		saw := fmt.Sprintf("%d of %d probes had no good answer (%d to %d expected)", res.lost(), res.sent, lo, hi)
		if res.damaged > 0 {
			saw += fmt.Sprintf(", %d a damaged one", res.damaged)
		}
		return saw
	}
	return ""
}
