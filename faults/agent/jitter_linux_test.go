package agent

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"faultlab/faults"
)

// Round trips are spread as the faults in place say, quantile by quantile.
func TestJitter(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, tt := range [][]faults.Latency{
			{{Delay: 40 * time.Millisecond, Jitter: 20 * time.Millisecond}},
			{{Delay: 200 * time.Millisecond, Jitter: 100 * time.Millisecond, Distribution: faults.Uniform, Direction: faults.In}},
			{{Delay: 200 * time.Millisecond, Jitter: 100 * time.Millisecond, Distribution: faults.Normal}},
			{{Delay: 200 * time.Millisecond, Jitter: 200 * time.Millisecond, Distribution: faults.Normal, Direction: faults.In}},
			{{Delay: 200 * time.Millisecond, Jitter: 200 * time.Millisecond, Distribution: faults.Pareto}},
			{{Delay: 200 * time.Millisecond, Jitter: 150 * time.Millisecond, Distribution: faults.ParetoNormal, Direction: faults.In}},
			{{Delay: 200 * time.Millisecond, Jitter: 100 * time.Millisecond, Distribution: faults.Pareto, Direction: faults.Both, RTT: true}},
			{ // one upon the other
				{Delay: 100 * time.Millisecond, Jitter: 100 * time.Millisecond},
				{Delay: 200 * time.Millisecond, Jitter: 100 * time.Millisecond, Distribution: faults.Normal},
				{Delay: 50 * time.Millisecond},
			},
		} {
			t.Run(fmt.Sprint(tt), func(t *testing.T) {
				var in []effect
				var ids []string
				for i, f := range tt {
					params, err := f.MarshalJSON()
					must(t, err)
					e := a.put(t, l, "latency", string(params))
					if e.Backend != backend || e.Packets.Hit > 0 && e.Packets.Delayed == 0 {
						t.Errorf("by %s: %+v", e.Backend, e.Packets)
					}
					ids = append(ids, e.ID)
					x, err := effectOf(fmt.Sprint(i), f, 0)
					must(t, err)
					in = append(in, x)
				}
				want := expect(in, endpoint{addr: netip.MustParseAddr(peerAddr)}, "icmp")
				// A busy machine is late now and then; of five series one must fit.
				for try := range 5 {
					err := fitsSpread(l.ping(peerAddr, 600, time.Millisecond, 3*time.Second), want)
					if err == nil {
						break
					}
					if t.Log(err); try == 4 {
						t.Error("no series fits")
					}
				}
				for _, id := range ids {
					a.take(t, id)
				}
			})
		}
	})
}

// fitsSpread compares 600 round trips with what they should be, quantile by quantile.
func fitsSpread(rtts []time.Duration, want outlook) error {
	const n = 600
	if len(rtts) != n {
		return fmt.Errorf("%d of %d answered", len(rtts), n)
	}
	got := delays(slices.Sorted(slices.Values(rtts)))
	if got[0] < want.at(0) || got.at(.98) > want.at(1)+tolerance() {
		return fmt.Errorf("from %v to %v, want %v to %v", got[0], got.at(.98), want.at(0), want.at(1))
	}
	// By Kolmogorov and Smirnov a share of n draws is off by less than 1.95/sqrt(n) in
	// 99.9 of 100 runs, wherever one looks.
	band := 1.95 / math.Sqrt(n)
	for p := .05; p < 1; p += .05 {
		if lo, hi := want.at(p-band), want.at(p+band)+tolerance(); got.at(p) < lo || got.at(p) > hi {
			return fmt.Errorf("%.0f percent are below %v, want %v to %v", 100*p, got.at(p), lo, hi)
		}
	}
	return nil
}

// What waits has room: far more packets than netem's own limit, 1000, at once.
func TestNothingIsDroppedByTheLimit(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for dir, to := range map[string]string{"out": peerAddr, "in": targetAddr} {
			e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"1s","direction":%q}`, dir))
			const n = 3000
			start := time.Now()
			got := l.datagramsWithin(n, to, 2*time.Second)
			sending := time.Since(start) - 2*time.Second
			if sending > time.Second {
				t.Errorf("%s: sending took %v; fewer than %d waited at a time", dir, sending, n)
			}
			if p := a.take(t, e.ID).Packets; count(got) != n || p.Dropped != 0 {
				t.Errorf("%s: %d of %d arrive, counted %+v", dir, count(got), n, p)
			}
		}
	})
}
