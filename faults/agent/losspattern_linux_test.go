package agent

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

func TestBurstsOnTheWire(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		const params = `{"percent":10,"burst":5}`
		if backend == "netem" {
			if _, err := a.try(t, l, "loss", params); !errors.Is(err, &Error{Code: NotSupported}) {
				t.Errorf("by netem alone: %v; want not supported", err)
			}
			return
		}
		e := a.put(t, l, "loss", params)
		const n = 20000
		lost, runs, before := 0, 0, true
		for _, ok := range l.datagrams(n, l.target) {
			if !ok {
				lost++
				if before {
					runs++
				}
			}
			before = ok
		}
		lo, hi := lossBand(n, outlook{loss: .1, spread: (&action{loss: .1, burst: 5}).spread()})
		length := float64(lost) / float64(max(runs, 1))
		t.Logf("set 10%% in runs of 5: lost %.2f%% in runs of %.2f; the agent measured %.2f%% of %d", 100*float64(lost)/n, length, e.Measured.LossPercent, e.Measured.Probes)
		// The mean of about 400 runs whose lengths deviate by 4.5 lies within 0.9 of theirs.
		if lost < lo || lost > hi || length < 4.1 || length > 5.9 {
			t.Errorf("lost %d of %d (want %d to %d) in runs of %.2f (want 5)", lost, n, lo, hi, length)
		}
		a.take(t, e.ID)
	})
}

func TestExactCountOnTheWire(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, percent := range []float64{1, 10, 30} {
			params := fmt.Sprintf(`{"percent":%v,"exact":true}`, percent)
			if backend == "netem" {
				if _, err := a.try(t, l, "loss", params); !errors.Is(err, &Error{Code: NotSupported}) {
					t.Errorf("by netem alone: %v; want not supported", err)
				}
				continue
			}
			e := a.put(t, l, "loss", params)
			const n = 20000
			lost := 0
			for _, ok := range l.datagrams(n, l.target) {
				if !ok {
					lost++
				}
			}
			t.Logf("set %v%%: lost %d of %d (%.2f%%)", percent, lost, n, 100*float64(lost)/n)
			// Some other packet of the target may be counted in between.
			if math.Abs(100*float64(lost)/n-percent) > .1 {
				t.Errorf("lost %d of %d, want %v%% to 0.1 point", lost, n, percent)
			}
			a.take(t, e.ID)
		}
	})
}
