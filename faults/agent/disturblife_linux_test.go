package agent

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// disturbances are one fault of each kind, as they may stand beside each other.
func disturbances(backend string) map[string]string {
	m := map[string]string{
		"rate":      `{"bits_per_second":5000000}`,
		"duplicate": `{"percent":30}`,
		"corrupt":   `{"percent":20}`,
	}
	if backend == "queue" {
		m["reorder"] = `{"percent":50,"delay":"30ms"}`
		m["latency"] = `{"delay":"20ms"}`
	} else { // netem has one delay for a peer
		m["latency"] = `{"delay":"30ms"}`
	}
	return m
}

// Whatever is taken away first, the others stay as they are.
func TestDisturbancesStack(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for round, order := range [][]string{
			{"rate", "duplicate", "latency", "corrupt", "reorder"}, {"reorder", "corrupt", "duplicate", "rate", "latency"},
		} {
			in := map[string]*Entry{}
			for _, kind := range order {
				if params := disturbances(backend)[kind]; params != "" {
					in[kind] = a.put(t, l, kind, params)
				}
			}
			check := func() {
				t.Helper()
				const n, size, header = 900, 1000, 28
				w := l.flow(n, size, l.target, false, time.Millisecond) // 8.2 Mbit/s
				lose, twice := 0.0, 0.0
				if in["corrupt"] != nil {
					lose = .2
				}
				if in["duplicate"] != nil {
					twice = .3
				}
				if in["rate"] != nil {
					// It drops what does not fit, whatever else happens.
					if got := w.most(size + header); got > 5.5e6 {
						t.Errorf("with %v: %s come through", keysOf(in), bitRate(got))
					}
				} else {
					none, _ := answers([]passage{{lose, 0, twice, backend == "netem"}})
					lo, hi := testBand(n, none)
					if backend == "netem" {
						lo = lo * 95 / 100 // a bit of a frame that nobody looks at
					}
					if lost := n - w.came(1); lost > hi || twice == 0 && lost < lo {
						t.Errorf("with %v: %d of %d lost, want %d to %d", keysOf(in), lost, n, lo, hi)
					}
				}
				// A link that is full has room for few of the copies: how many, its queue says.
				least := n / 10
				if in["rate"] != nil {
					least = 1
				}
				if got := w.came(2); twice == 0 && got > 0 || twice > 0 && got < least {
					t.Errorf("with %v: %d of %d came twice", keysOf(in), w.came(2), n)
				}
				// A quarter of the neighbours change places; of a full link and with damage
				// both of two neighbours arrive in a fifth of the cases.
				if got := w.overtook(); in["reorder"] == nil && got > n/100 || in["reorder"] != nil && got < n/50 {
					t.Errorf("with %v: %d of %d overtook", keysOf(in), w.overtook(), n)
				}
				want := time.Duration(0)
				if in["latency"] != nil {
					want = 20 * time.Millisecond
					if backend == "netem" {
						want = 30 * time.Millisecond
					}
				}
				if got := quickest(l.ping(peerAddr, 25, 2*time.Millisecond, 300*time.Millisecond)); got < want || got > want+tolerance() {
					t.Errorf("with %v: round trip %v, want %v", keysOf(in), got, want)
				}
			}
			check()
			for i := range order {
				kind := order[(i+round)%len(order)]
				if in[kind] != nil {
					a.take(t, in[kind].ID)
					delete(in, kind)
					check()
				}
			}
		}
	})
}

func keysOf(in map[string]*Entry) string {
	s := ""
	for kind := range in {
		s += kind + " "
	}
	return s
}

func TestDisturbancesOfKilledAgent(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		before := l.snapshot()
		a := startAgent(t, backend)
		for kind, params := range disturbances(backend) {
			a.put(t, l, kind, params)
		}
		must(t, a.cmd.Process.Signal(syscall.SIGKILL))
		a.cmd.Wait()
		l.untouched(before, 2*time.Second)
		if w := l.flow(200, 500, l.target, false, 100*time.Microsecond); w.came(1) != 200 || w.came(2) != 0 || w.overtook() != 0 {
			t.Errorf("of 200 %d came, %d twice, %d overtook", w.came(1), w.came(2), w.overtook())
		}
	})
}

// What happens to the n-th packet hangs on the seed and n alone.
func TestDisturbancesRepeatOnTheWire(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend == "netem" {
			t.Skip("netem cannot repeat a sequence; seeds go to the queue")
		}
		l := newLab(t)
		a := startAgent(t, backend)
		for _, seed := range []uint64{7, 8} {
			e := a.put(t, l, "duplicate", fmt.Sprintf(`{"percent":30,"seed":%d,"peer":{"addresses":[%q]}}`, seed, peerAddr))
			w := l.flow(1000, 100, l.target, false, 200*time.Microsecond)
			a.take(t, e.ID)
			r := rand.New(rand.NewPCG(seed, dirOut))
			for i, times := range w.times {
				if want := r.Float64() < .3; times < 1 || (times > 1) != want {
					t.Fatalf("seed %d: packet %d came %d times, twice wanted: %v", seed, i, times, want)
				}
			}
			if e.Seed != seed {
				t.Errorf("recorded seed %d, want %d", e.Seed, seed)
			}
		}
	})
}

// A rate that nobody would feel is refused, and leaves nothing.
func TestRateThatIsNotFelt(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		if _, err := a.try(t, l, "rate", `{"bits_per_second":10000000000}`); !errors.Is(err, &Error{Code: Unproved}) {
			t.Errorf("10 Gbit/s: %v, want unproved", err)
		}
	})
}

// On netem alone what its tree cannot do is refused by name, and nothing changes.
func TestDisturbancesRefusedByNetem(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend == "queue" {
			t.Skip("the queue carries all of them")
		}
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"20ms","peer":{"addresses":[%q]}}`, peerAddr))
		for kind, params := range map[string]string{
			"duplicate": fmt.Sprintf(`{"percent":30,"peer":{"addresses":[%q]}}`, bystanderAddr),
			"reorder":   `{"percent":30,"delay":"10ms"}`,
			"rate":      `{"bits_per_second":1000000}`,
		} {
			if _, err := a.try(t, l, kind, params, func(r *InjectRequest) {
				if kind == "duplicate" {
					r.Probes = []string{bystanderAddr}
				}
			}); !errors.Is(err, &Error{Code: NotSupported}) {
				t.Errorf("%s beside a latency: %v, want not supported", kind, err)
			}
		}
		if got := quickest(l.ping(peerAddr, 15, time.Millisecond, time.Second)); got < 20*time.Millisecond {
			t.Errorf("the latency is %v", got)
		}
		a.take(t, e.ID)
	})
}
