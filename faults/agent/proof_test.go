package agent

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"faultlab/faults"
)

func TestBinomialBand(t *testing.T) {
	for _, tt := range []struct {
		n      int
		p      float64
		lo, hi int
	}{
		{0, 0.5, 0, 0}, {100, 0, 0, 0}, {100, 1, 100, 100},
		// Summed exactly, in fractions.
		{200, 0.1, 8, 35}, {3000, 0.01, 14, 49}, {1000, 0.3, 253, 348},
	} {
		lo, hi := binomialBand(tt.n, tt.p)
		if lo != tt.lo || hi != tt.hi {
			t.Errorf("binomialBand(%d, %v) = %d, %d, want %d, %d", tt.n, tt.p, lo, hi, tt.lo, tt.hi)
		}
	}
	// The band holds what it says: 99.9 of 100 draws.
	r := rand.New(rand.NewPCG(1, 2))
	out := 0
	lo, hi := binomialBand(200, 0.1)
	for range 20000 {
		k := 0
		for range 200 {
			if r.Float64() < 0.1 {
				k++
			}
		}
		if k < lo || k > hi {
			out++
		}
	}
	if out > 40 {
		t.Errorf("%d of 20000 draws lie outside", out)
	}
}

func TestProbeCountTellsFromNone(t *testing.T) {
	for _, p := range []float64{0.001, 0.01, 0.1, 0.3, 1} {
		if n := probeCount(outlook{loss: p, spread: 1}); math.Pow(1-p, float64(n)) > 0.001 || n > 7000 {
			t.Errorf("%d probes for %v", n, p)
		}
	}
	if probeCount(outlook{}) != 0 {
		t.Error("probes for no loss")
	}
}

// delayed is the outlook with one delay.
func delayed(delay, jitter time.Duration, shape faults.Distribution) outlook {
	return expect([]effect{{out: &action{delay: delay, jitter: jitter, shape: shape}}}, endpoint{}, "icmp")
}

func TestDelayVerdicts(t *testing.T) {
	for _, tt := range []struct {
		added, set, jitter time.Duration
		seen, gone         bool
	}{
		{50, 50, 0, true, false},
		{0, 50, 0, false, true},
		{20, 50, 0, false, true},
		{30, 50, 0, false, false},
		{80, 50, 0, false, false},
		{62, 50, 0, true, false},
		{44, 50, 20, true, false},
		{2, 20, 20, false, true}, // however large the jitter, nothing is not something
	} {
		ms := time.Millisecond
		if got := delaySeen(tt.added*ms, tt.added*ms, delayed(tt.set*ms, tt.jitter*ms, ""), outlook{}, 15, 3*ms); got != tt.seen {
			t.Errorf("%+v: seen %v", tt, got)
		}
		if got := delayGone(tt.added*ms, tt.set*ms); got != tt.gone {
			t.Errorf("%+v: gone %v", tt, got)
		}
	}
	// Late medians are the machine's doing when some packet was quick enough.
	for _, tt := range []struct {
		added, quickest, set, jitter time.Duration
		seen                         bool
	}{
		{202, 51, 50, 0, true},
		{202, 101, 50, 0, false},
		{202, 23, 40, 20, true},
		{80, 62, 40, 20, false}, // twice as long as set
		{5, 1, 40, 20, false},
	} {
		ms := time.Millisecond
		if got := delaySeen(tt.added*ms, tt.quickest*ms, delayed(tt.set*ms, tt.jitter*ms, ""), outlook{}, 15, 3*ms); got != tt.seen {
			t.Errorf("%+v: seen %v", tt, got)
		}
	}
	if median([]time.Duration{3, 1, 2}) != 2 || median([]time.Duration{4, 2}) != 3 || median(nil) != 0 {
		t.Error("median")
	}
}

func TestLossVerdicts(t *testing.T) {
	for _, tt := range []struct {
		lost, n int
		p, base float64
		seen    bool
	}{
		{20, 200, 0.1, 0, true}, {0, 200, 0.1, 0, false}, {60, 200, 0.1, 0, false},
		{200, 200, 1, 0, true}, {199, 200, 1, 0, false}, {0, 700, 0.01, 0, false}, {7, 700, 0.01, 0, true},
		{56, 200, 0.28, 0.2, true},
	} {
		if got := lossSeen(tt.lost, tt.n, outlook{loss: tt.p, spread: 1}, outlook{loss: tt.base, spread: 1}); got != tt.seen {
			t.Errorf("%+v: seen %v", tt, got)
		}
	}
	if lossGone(1, 200, outlook{}) || !lossGone(0, 200, outlook{}) || !lossGone(20, 200, outlook{loss: 0.1, spread: 1}) {
		t.Error("lossGone")
	}
}
