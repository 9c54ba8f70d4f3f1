package agent

import (
	"math"
	"testing"
)

// series draws n packets' fates and gives how many were lost and in how many runs.
func series(a action, seed uint64, n int) (lost, runs int) {
	r := newSequence(seed, 0)
	before := false
	for range n {
		now := a.lose(r)
		if now {
			lost++
			if !before {
				runs++
			}
		}
		before = now
	}
	return lost, runs
}

func TestBurstsHaveShareAndLength(t *testing.T) {
	for _, a := range []action{{loss: .01, burst: 5}, {loss: .1, burst: 2}, {loss: .1, burst: 20}, {loss: .5, burst: 2}, {loss: .3, burst: 50}, {loss: .2}} {
		const n = 2_000_000
		lost, runs := series(a, 7, n)
		length := a.burst
		if length == 0 {
			length = 1 / (1 - a.loss)
		}
		if got := float64(lost) / n; math.Abs(got-a.loss) > .05*a.loss {
			t.Errorf("%+v: lost %.4f", a, got)
		}
		if got := float64(lost) / float64(runs); math.Abs(got-length) > .05*length {
			t.Errorf("%+v: runs of %.2f, want %.2f", a, got, length)
		}
	}
}

// The band holds about what it says, with the number of probes that is used.
func TestBandOfBursts(t *testing.T) {
	for _, a := range []action{{loss: .05, burst: 3}, {loss: .1, burst: 10}, {loss: .3, burst: 5}, {loss: .3, burst: 50}} {
		o := outlook{loss: a.loss, spread: a.spread()}
		n := probeCount(o)
		lo, hi := lossBand(n, o)
		const draws = 4000
		out, none := 0, 0
		for seed := range uint64(draws) {
			lost, _ := series(a, seed, n)
			if lost < lo || lost > hi {
				out++
			}
			if lost == 0 {
				none++
			}
		}
		// Long runs have heavier tails than the binomial; three tries make up for it.
		if out > draws/100 {
			t.Errorf("%+v, %d probes: %d of %d outside %d to %d", a, n, out, draws, lo, hi)
		}
		if none > draws/500 {
			t.Errorf("%+v, %d probes: none lost in %d of %d", a, n, none, draws)
		}
	}
}

func TestExactCount(t *testing.T) {
	for _, percent := range []float64{.1, 1, 10, 33.3, 100} {
		a := action{loss: percent / 100, exact: true}
		lost, _ := series(a, 7, 20000)
		if want := int(math.Round(percent * 200)); lost != want {
			t.Errorf("%v %%: lost %d of 20000, want %d", percent, lost, want)
		}
	}
	a := action{loss: .3, exact: true}
	x, y, z := newSequence(1, 0), newSequence(1, 0), newSequence(2, 0)
	same := 0
	for i := range 5000 {
		fate := a.lose(x)
		if a.lose(y) != fate {
			t.Fatalf("packet %d: the same seed draws otherwise", i)
		}
		if a.lose(z) == fate {
			same++
		}
	}
	if same > 3500 {
		t.Errorf("another seed draws the same %d times of 5000", same)
	}
}
