package agent

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// backends runs a test on each back-end of the kernel. Where netem is missing,
// asking for it must say so.
func backends(t *testing.T, f func(t *testing.T, backend string)) {
	needRoot(t)
	c, err := Probe()
	must(t, err)
	t.Run("queue", func(t *testing.T) {
		if !c.NFQueue.OK {
			skip(t, "no NFQUEUE: "+c.NFQueue.Detail)
		}
		f(t, "queue")
	})
	t.Run("netem", func(t *testing.T) {
		if !c.Netem.OK {
			t.Skip("this kernel has no netem; it runs in the guest kernel: " + c.Netem.Detail)
		}
		f(t, "netem")
	})
}

// clean checks that a test leaves the target as it was.
func clean(t *testing.T, l *testLab) {
	t.Helper()
	before := l.snapshot()
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		if after := l.snapshot(); after != before {
			t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
		}
	})
}

func TestLatencyIsExact(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, delay := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 200 * time.Millisecond} {
			t.Run(delay.String(), func(t *testing.T) {
				// Of what is measured once the quickest: the machine makes many late now and then.
				bare, bareTCP := quickest(l.ping(peerAddr, 15, 5*time.Millisecond, time.Second)), quickest(l.connects(peerAddr, 9))
				e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":%q}`, delay))
				if e.Backend != backend {
					t.Errorf("backend %s, want %s", e.Backend, backend)
				}
				tolerance := time.Millisecond
				if guest() {
					tolerance = 12 * time.Millisecond // its timer ticks 100 times a second
				}
				// A busy machine wakes everybody late now and then; of five
				// series one must be as exact as an idle one.
				fits := func(measure func() time.Duration) (d time.Duration, ok bool) {
					for range 5 {
						d = measure() - delay
						if ok = d > -tolerance/2 && d < tolerance; ok {
							break
						}
					}
					return delay + d, ok
				}
				icmp, icmpOK := fits(func() time.Duration { return median(l.ping(peerAddr, 25, 5*time.Millisecond, time.Second)) - bare })
				tcp, tcpOK := fits(func() time.Duration { return median(l.connects(peerAddr, 9)) - bareTCP })
				t.Logf("set %v: ICMP +%v, TCP connect +%v, by the agent +%.2f ms", delay, icmp, tcp, e.Measured.AddedMS)
				if !icmpOK || !tcpOK {
					t.Errorf("added %v to ICMP and %v to TCP, want %v to %v more", icmp, tcp, delay, tolerance)
				}
				if got := a.take(t, e.ID); got.State != Reverted || got.Packets.Delayed == 0 {
					t.Errorf("reverted as %+v", got)
				}
				if got := quickest(l.ping(peerAddr, 15, 5*time.Millisecond, time.Second)); got > bare+delay/2 {
					t.Errorf("after revert the round trip is %v, before it was %v", got, bare)
				}
			})
		}
	})
}

func TestLossIsExact(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, percent := range []float64{1, 10, 30, 100} {
			t.Run(fmt.Sprint(percent), func(t *testing.T) {
				e := a.put(t, l, "loss", fmt.Sprintf(`{"percent":%v}`, percent))
				const n = 6000
				lost := 0
				for _, ok := range l.datagrams(n, l.target) {
					if !ok {
						lost++
					}
				}
				lo, hi := testBand(n, percent/100)
				t.Logf("set %v%%: lost %d of %d (%.2f%%), band %d to %d; the agent measured %.2f%%", percent, lost, n, 100*float64(lost)/n, lo, hi, e.Measured.LossPercent)
				if lost < lo || lost > hi {
					t.Errorf("lost %d of %d, want %d to %d", lost, n, lo, hi)
				}
				got := a.take(t, e.ID)
				if got.Packets.Hit < n || got.Packets.Dropped < uint64(lost) {
					t.Errorf("counted %+v for %d packets, %d lost", got.Packets, n, lost)
				}
				if len(l.ping(peerAddr, 100, time.Millisecond, time.Second)) != 100 {
					t.Error("packets are lost after revert")
				}
			})
		}
	})
}

// The n-th packet's fate depends on the seed and n alone, whatever the agent's probes did.
func TestSeedRepeats(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend == "netem" {
			t.Skip("netem cannot repeat a sequence; seeds go to the queue")
		}
		l := newLab(t)
		a := startAgent(t, backend)
		for dir, from := range map[string]int{"out": dirOut, "in": dirIn} {
			for _, seed := range []uint64{7, 8} {
				sender := l.target
				if from == dirIn {
					sender = l.peer
				}
				e := a.put(t, l, "loss", fmt.Sprintf(`{"percent":30,"direction":%q,"seed":%d,"peer":{"addresses":[%q]}}`, dir, seed, peerAddr))
				got := l.datagrams(2000, sender)
				a.take(t, e.ID)
				if e.Seed != seed {
					t.Errorf("recorded seed %d, want %d", e.Seed, seed)
				}
				r := rand.New(rand.NewPCG(seed, uint64(from)))
				for i, ok := range got {
					if want := r.Float64() >= 0.3; ok != want {
						t.Fatalf("%s, seed %d: packet %d arrived: %v, want %v", dir, seed, i, ok, want)
					}
				}
			}
		}
	})
}

func TestDirections(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, tt := range []struct {
			params string
			want   time.Duration
		}{
			{`{"delay":"20ms","direction":"out"}`, 20 * time.Millisecond},
			{`{"delay":"20ms","direction":"in"}`, 20 * time.Millisecond},
			{`{"delay":"20ms","direction":"both"}`, 40 * time.Millisecond},
			{`{"delay":"40ms","direction":"both","rtt":true}`, 40 * time.Millisecond},
		} {
			e := a.put(t, l, "latency", tt.params)
			for what, rtts := range map[string][]time.Duration{
				"IPv4": l.ping(peerAddr, 15, 5*time.Millisecond, time.Second),
				"IPv6": l.connects(peer6Addr, 9),
			} {
				if got := quickest(rtts); got < tt.want || got > tt.want+tolerance() {
					t.Errorf("%s: %s round trip %v, want %v", tt.params, what, got, tt.want)
				}
			}
			if got := a.take(t, e.ID); got.Backend != backend {
				t.Errorf("%s went to %s", tt.params, got.Backend)
			}
			if got := quickest(l.ping(peerAddr, 15, 5*time.Millisecond, time.Second)); got > tt.want/2 {
				t.Errorf("%s: round trip %v after revert", tt.params, got)
			}
		}
	})
}

func tolerance() time.Duration {
	if guest() {
		return 15 * time.Millisecond
	}
	return 5 * time.Millisecond
}
