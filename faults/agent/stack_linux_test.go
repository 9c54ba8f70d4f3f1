package agent

import (
	"testing"
	"time"
)

// Every order of putting in and taking out three faults gives the sum of those that are in.
func TestStack(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, out := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			var es []*Entry
			es = append(es, a.put(t, l, "latency", `{"delay":"20ms"}`),
				a.put(t, l, "loss", `{"percent":20,"peer":{"addresses":["10.99.7.0/24"]}}`),
				a.put(t, l, "latency", `{"delay":"40ms","peer":{"addresses":["10.99.7.2"]}}`))
			in := map[int]bool{0: true, 1: true, 2: true}
			check := func() {
				t.Helper()
				want, lossWant := time.Duration(0), 0.0
				if in[0] {
					want += 20 * time.Millisecond
				}
				if in[2] {
					want += 40 * time.Millisecond
				}
				if in[1] {
					lossWant = 0.2
				}
				n := 25
				if in[1] {
					n = 300
				}
				rtts := l.ping(peerAddr, n, time.Millisecond, 300*time.Millisecond)
				lo, hi := testBand(n, lossWant)
				if lost := n - len(rtts); lost < lo || lost > hi {
					t.Errorf("with %v: lost %d of %d, want %d to %d", in, lost, n, lo, hi)
				}
				if got := quickest(rtts); got < want || got > want+tolerance() {
					t.Errorf("with %v: round trip %v, want %v", in, got, want)
				}
				wantBy := time.Duration(0)
				if in[0] {
					wantBy = 20 * time.Millisecond
				}
				if got := quickest(l.ping(bystanderAddr, 25, time.Millisecond, time.Second)); got < wantBy || got > wantBy+tolerance() {
					t.Errorf("with %v: bystander's round trip %v, want %v", in, got, wantBy)
				}
			}
			check()
			for _, i := range out {
				a.take(t, es[i].ID)
				in[i] = false
				check()
			}
			// A second time is not an error and says how it ended.
			if e := a.take(t, es[0].ID); e.State != Reverted || e.RevertedAt.IsZero() {
				t.Errorf("second revert answers %+v", e)
			}
		}
	})
}

// Taking one fault away must not drop what another one holds back.
func TestRevertKeepsWhatWaits(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		a := startAgent(t, backend)
		long := a.put(t, l, "latency", `{"delay":"500ms"}`)
		short := a.put(t, l, "latency", `{"delay":"10ms"}`)
		rtts := make(chan int)
		go func() { rtts <- len(l.ping(peerAddr, 400, time.Millisecond, 2*time.Second)) }()
		a.take(t, short.ID)
		if n := <-rtts; n != 400 {
			t.Errorf("%d of 400 answered while another fault was reverted", n)
		}
		n, wait := 400, 100*time.Millisecond // some are held back then
		if backend == "netem" {
			// The kernel drops what is sent while it takes a root qdisc away: here all have
			// been sent before.
			n, wait = 100, 400*time.Millisecond
		}
		go func() { rtts <- len(l.ping(peerAddr, n, time.Millisecond, 2*time.Second)) }()
		time.Sleep(wait)
		a.take(t, long.ID)
		if got := <-rtts; got != n {
			t.Errorf("%d of %d answered while the last fault was reverted", got, n)
		}
	})
}
