package agent

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// paths are the ways that datagrams go: where to, and the faults' parameters for it.
var paths = []struct{ name, to, params string }{
	{"out", peerAddr, `"direction":"out"`},
	{"in", targetAddr, `"direction":"in"`},
	{"out by IPv6", peer6Addr, `"direction":"out","peer":{"addresses":["fd99:7::2"]}`},
	{"in by IPv6", target6Addr, `"direction":"in","peer":{"addresses":["fd99:7::/64"]}`},
}

// onPaths runs a test for each path on each back-end. lose puts a loss with these
// parameters in place and gives the fates of n datagrams.
func onPaths(t *testing.T, f func(t *testing.T, backend string, lose func(params string, n int) (lost []bool, e *Entry, err error))) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, path := range paths {
			t.Run(path.name, func(t *testing.T) {
				f(t, backend, func(params string, n int) ([]bool, *Entry, error) {
					probes := func(r *InjectRequest) { r.Probes = []string{peerAddr, peer6Addr} }
					e, err := a.try(t, l, "loss", fmt.Sprintf("{%s,%s}", params, path.params), probes)
					if err != nil {
						return nil, nil, err
					}
					fates := l.datagramsTo(n, path.to)
					for i := range fates {
						fates[i] = !fates[i]
					}
					got := a.take(t, e.ID)
					if got.Packets.Hit < uint64(n) || got.Backend != backend {
						t.Errorf("by %s, counted %+v of %d", got.Backend, got.Packets, n)
					}
					if rest := l.datagramsTo(300, path.to); count(rest) != 300 {
						t.Errorf("%d of 300 arrive after revert", count(rest))
					}
					return fates, e, nil
				})
			})
		}
	})
}

func count(of []bool) (n int) {
	for _, b := range of {
		if b {
			n++
		}
	}
	return n
}

func TestSingleLossesOnTheWire(t *testing.T) {
	onPaths(t, func(t *testing.T, backend string, lose func(string, int) ([]bool, *Entry, error)) {
		const n = 6000
		lost, e, err := lose(`"percent":20`, n)
		must(t, err)
		lo, hi := testBand(n, .2)
		t.Logf("set 20%%: lost %d of %d; the agent measured %.2f%%", count(lost), n, e.Measured.LossPercent)
		if got := count(lost); got < lo || got > hi {
			t.Errorf("lost %d of %d, want %d to %d", got, n, lo, hi)
		}
	})
}

func TestBurstsOnTheWire(t *testing.T) {
	onPaths(t, func(t *testing.T, backend string, lose func(string, int) ([]bool, *Entry, error)) {
		const n = 40000
		fates, e, err := lose(`"percent":10,"burst":5`, n)
		must(t, err)
		runs, before := 0, false
		for _, lost := range fates {
			if lost && !before {
				runs++
			}
			before = lost
		}
		lost := count(fates)
		lo, hi := testLossBand(n, outlook{loss: .1, spread: (&action{loss: .1, burst: 5}).spread()})
		length := float64(lost) / float64(max(runs, 1))
		t.Logf("set 10%% in runs of 5: lost %.2f%% in runs of %.2f; the agent measured %.2f%% of %d", 100*float64(lost)/n, length, e.Measured.LossPercent, e.Measured.Probes)
		// The mean of about 800 runs whose lengths deviate by 4.5 deviates by 0.16.
		if lost < lo || lost > hi || length < 4.1 || length > 5.9 {
			t.Errorf("lost %d of %d (want %d to %d) in runs of %.2f (want 5)", lost, n, lo, hi, length)
		}
	})
}

func TestExactCountOnTheWire(t *testing.T) {
	onPaths(t, func(t *testing.T, backend string, lose func(string, int) ([]bool, *Entry, error)) {
		for _, percent := range []float64{1, 10, 30} {
			const n = 20000
			fates, _, err := lose(fmt.Sprintf(`"percent":%v,"exact":true`, percent), n)
			if backend == "netem" {
				if !errors.Is(err, &Error{Code: NotSupported}) {
					t.Errorf("by netem alone: %v; want not supported", err)
				}
				continue
			}
			must(t, err)
			lost := count(fates)
			t.Logf("set %v%%: lost %d of %d (%.2f%%)", percent, lost, n, 100*float64(lost)/n)
			// Some other packet of the target may be counted in between.
			if math.Abs(100*float64(lost)/n-percent) > .1 {
				t.Errorf("lost %d of %d, want %v%% to 0.1 point", lost, n, percent)
			}
		}
	})
}

// Two patterns of bursts for the same peer are one too many for netem; one and single
// losses beside it add up.
func TestBurstsBesideOthers(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		first := a.put(t, l, "loss", `{"percent":20,"burst":4}`)
		second := a.put(t, l, "loss", `{"percent":10}`)
		const n = 20000
		lo, hi := testLossBand(n, outlook{loss: .28, spread: (&action{loss: .2, burst: 4}).spread()})
		if lost := n - count(l.datagramsTo(n, peerAddr)); lost < lo || lost > hi {
			t.Errorf("lost %d of %d, want %d to %d", lost, n, lo, hi)
		}
		third, err := a.try(t, l, "loss", `{"percent":20,"burst":3}`)
		if backend == "netem" {
			if !errors.Is(err, &Error{Code: NotSupported}) {
				t.Errorf("a second pattern by netem: %v; want not supported", err)
			}
		} else {
			must(t, err)
			a.take(t, third.ID)
		}
		a.take(t, first.ID)
		lo, hi = testBand(n, .1)
		if lost := n - count(l.datagramsTo(n, peerAddr)); lost < lo || lost > hi {
			t.Errorf("without the bursts lost %d of %d, want %d to %d", lost, n, lo, hi)
		}
		a.take(t, second.ID)
	})
}
