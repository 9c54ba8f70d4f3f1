package agent

import (
	"fmt"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

func (l *testLab) sender(direction string) netns.NsHandle {
	if direction == "in" {
		return l.peer
	}
	return l.target
}

// byIPv6 has an injection proved by IPv6.
func byIPv6(v6 bool) func(*InjectRequest) {
	return func(r *InjectRequest) {
		if v6 {
			r.Probes = []string{peer6Addr}
		}
	}
}

func TestDuplicateIsExact(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, tt := range []struct {
			percent float64
			dir     string
			v6      bool
			size    int
		}{
			{5, "out", false, 20}, {30, "out", false, 1400}, {100, "out", false, 5000}, {100, "out", true, 5000},
			{30, "out", true, 20}, {30, "in", false, 20}, {100, "in", true, 1400},
		} {
			t.Run(fmt.Sprintf("%v%%-%s-v6:%v-%d", tt.percent, tt.dir, tt.v6, tt.size), func(t *testing.T) {
				e := a.put(t, l, "duplicate", fmt.Sprintf(`{"percent":%v,"direction":%q}`, tt.percent, tt.dir), byIPv6(tt.v6))
				if e.Backend != backend {
					t.Errorf("backend %s", e.Backend)
				}
				const n = 3000
				if backend == "netem" {
					tt.size = min(tt.size, 1400) // it doubles fragments, and a receiver needs each once
				}
				w := l.flow(n, tt.size, l.sender(tt.dir), tt.v6, 100*time.Microsecond)
				lo, hi := testBand(n, tt.percent/100)
				t.Logf("%d of %d came, %d twice; the agent: %s", w.came(1), n, w.came(2), e.Measured.Saw)
				if w.came(1) != n || w.came(3) != 0 || w.came(2) < lo || w.came(2) > hi {
					t.Errorf("of %d came %d, %d twice (want %d to %d), %d more often", n, w.came(1), w.came(2), lo, hi, w.came(3))
				}
				if got := a.take(t, e.ID); got.State != Reverted || backend == "queue" && got.Packets.Doubled < uint64(w.came(2)) {
					t.Errorf("reverted as %+v", got)
				}
				if w := l.flow(200, tt.size, l.sender(tt.dir), tt.v6, 100*time.Microsecond); w.came(1) != 200 || w.came(2) != 0 {
					t.Errorf("after revert %d came and %d twice", w.came(1), w.came(2))
				}
			})
		}
	})
}

func TestCorruptIsExact(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, tt := range []struct {
			percent float64
			dir     string
			v6      bool
		}{
			{5, "out", false}, {40, "out", true}, {100, "out", false}, {30, "in", false}, {30, "in", true},
		} {
			t.Run(fmt.Sprintf("%v%%-%s-v6:%v", tt.percent, tt.dir, tt.v6), func(t *testing.T) {
				e := a.put(t, l, "corrupt", fmt.Sprintf(`{"percent":%v,"direction":%q}`, tt.percent, tt.dir), byIPv6(tt.v6))
				const n, size = 3000, 1000
				w := l.flow(n, size, l.sender(tt.dir), tt.v6, 100*time.Microsecond)
				bad := n - w.came(1)
				lo, hi := testBand(n, tt.percent/100)
				least := w.wrong // counted by the receiver
				if backend == "netem" {
					// It hits the headers of Ethernet and IP as well, which drops or even passes.
					lo, least = lo*97/100, bad
				}
				t.Logf("%d of %d did not come, %d had a wrong checksum; the agent: %s", bad, n, w.wrong, e.Measured.Saw)
				// A flipped port makes it somebody else's: refused, not counted.
				if bad < lo || bad > hi || least < bad*95/100 || w.wrong == 0 {
					t.Errorf("%d of %d did not come (want %d to %d), %d counted as wrong", bad, n, lo, hi, w.wrong)
				}
				if got := a.take(t, e.ID); got.State != Reverted || backend == "queue" && got.Packets.Damaged < uint64(bad) {
					t.Errorf("reverted as %+v", got)
				}
				if w := l.flow(200, size, l.sender(tt.dir), tt.v6, 100*time.Microsecond); w.came(1) != 200 {
					t.Errorf("after revert %d came", w.came(1))
				}
			})
		}
	})
}

func TestReorderIsExact(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, tt := range []struct {
			params string
			dir    string
			share  float64 // of neighbours that change places
		}{
			{`"percent":25,"delay":"40ms"`, "out", .25 * .75},
			{`"percent":100,"delay":"40ms","gap":5`, "out", .2},
			{`"percent":10,"delay":"50ms"`, "in", .1 * .9},
		} {
			t.Run(tt.params, func(t *testing.T) {
				e := a.put(t, l, "reorder", fmt.Sprintf(`{%s,"direction":%q}`, tt.params, tt.dir))
				const n = 1000
				w := l.flow(n, 100, l.sender(tt.dir), false, time.Millisecond)
				lo, hi := testBand(n-1, tt.share)
				t.Logf("%d of %d overtook the one before; the agent: %s", w.overtook(), n, e.Measured.Saw)
				if w.came(1) != n || w.overtook() < lo || w.overtook() > hi {
					t.Errorf("%d of %d came, %d overtook (want %d to %d)", w.came(1), n, w.overtook(), lo, hi)
				}
				if got := a.take(t, e.ID); got.State != Reverted || backend == "queue" && got.Packets.Ahead == 0 {
					t.Errorf("reverted as %+v", got)
				}
				if w := l.flow(200, 100, l.sender(tt.dir), false, time.Millisecond); w.came(1) != 200 || w.overtook() != 0 {
					t.Errorf("after revert %d came, %d overtook", w.came(1), w.overtook())
				}
			})
		}
	})
}

func TestRateIsExact(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		wide := 20e6
		if guest() {
			wide = 8e6 // a kernel that is a process does not always carry more than that
		}
		for _, tt := range []struct {
			rate float64
			dir  string
			v6   bool
		}{
			{1e6, "out", false}, {wide, "out", false}, {5e6, "in", false}, {2e6, "both", true}, {64e3, "out", false},
		} {
			t.Run(fmt.Sprintf("%v-%s-v6:%v", tt.rate, tt.dir, tt.v6), func(t *testing.T) {
				e := a.put(t, l, "rate", fmt.Sprintf(`{"bits_per_second":%.0f,"direction":%q,"queue":"50ms"}`, tt.rate, tt.dir), byIPv6(tt.v6))
				// Three times what fits, for a second.
				size := int(min(max(tt.rate/8/100, 72), 1372))
				header := 28
				if tt.v6 {
					header = 48
				}
				if backend == "netem" {
					header += 14 // it counts what Ethernet adds
				}
				each := time.Duration(float64(size+header) * 8 / tt.rate * float64(time.Second))
				// A machine that stalls cannot make up for it; of five series one must fit. More
				// than the link carries since the first was sent may come in none.
				for try := range 5 {
					w := l.flow(int(3*time.Second/each), size, l.sender(tt.dir), tt.v6, each/3)
					got := w.rate(size + header)
					most := w.most(size + header)
					t.Logf("set %s: %s and at most %s by %d of %d datagrams; the agent: %s", bitRate(tt.rate), bitRate(got), bitRate(most), w.came(1), w.sent, e.Measured.Saw)
					if most > 1.1*tt.rate || w.came(2) != 0 || got < .9*tt.rate && try == 4 {
						t.Errorf("%s and at most %s came through, want %s", bitRate(got), bitRate(most), bitRate(tt.rate))
					}
					if got >= .9*tt.rate {
						break
					}
				}
				if got := a.take(t, e.ID); got.State != Reverted || got.Packets.Dropped == 0 {
					t.Errorf("reverted as %+v", got)
				}
				if w := l.flow(100, size, l.sender(tt.dir), tt.v6, each/10); w.came(1) != 100 {
					t.Errorf("after revert %d of 100 came", w.came(1))
				}
			})
		}
	})
}
