package stress

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"faultlab/faults/agent/netspace"
)

// way is one on which requests go: to the target or from it.
type way struct {
	side string // the target's
	from int    // a process in the caller's network
	to   string
	end  string // the address at the other end
	path string
}

const loopback = "127.0.0.1"

// ways are all that are looked at. A target that is paused answers none.
func (s *scene) ways(pid int, paused bool) ([]way, error) {
	out := []way{
		{"calling", pid, s.peer, s.peer, "/"}, {"calling", pid, s.peer, s.peer, "/a/1"}, {"calling", pid, s.bystander, s.bystander, "/"},
	}
	if paused {
		return out, nil
	}
	own, err := addressIn(pid)
	return append(out,
		way{"called", s.callers[s.peer], own, s.peer, "/"}, way{"called", s.callers[s.peer], own, s.peer, "/a/1"},
		way{"called", s.callers[s.bystander], own, s.bystander, "/"}, way{"called", pid, loopback, loopback, "/"}), err
}

// addressIn is the address of a process's network. It may change when the target is started again.
func addressIn(pid int) (string, error) {
	var out string
	err := netspace.Inside(pid, func() error {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		addrs, err := link.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				out = n.IP.String()
			}
		}
		return err
	})
	return out, err
}

// expectCall is what becomes of a request: connections meet their faults first, then
// faults are asked in the order in which they were injected, and the first that ends it does.
func expectCall(claims []claim, w way, net expected) answers {
	out, left, rate := answers{shares: map[string]float64{}}, 1.0, 0
	for _, first := range []bool{true, false} {
		for _, c := range claims {
			switch f := c.calls; {
			case !f.concerns(w.side, w.end, w.path) || f.first != first || left == 0:
			case f.reply != "":
				out.shares[f.reply] += left * f.share
				left *= 1 - f.share
			case f.rate > 0:
				if rate == 0 || f.rate < rate {
					rate = f.rate
				}
			default:
				out.least, out.most = out.least+f.delay-f.vary, out.most+f.delay+f.vary
			}
		}
	}
	if left > 0 {
		out.shares[reply(200, whole, pageSize)] += left
	}
	if rate > 0 {
		page := time.Duration(float64(pageSize) / float64(rate) * float64(time.Second))
		if out.most += page * 5 / 4; left == 1 {
			out.least += page * 9 / 10
		}
	}
	// A connection takes a round trip, and a page of this size two or three; a proxy has a
	// connection of its own.
	if out.most += 8 * (net.delay + net.jitter + net.hold); left == 1 {
		out.least += net.delay - net.jitter
	}
	return out
}

// feelCalls makes requests on every way that packets take as always, if perhaps later.
func (s *scene) feelCalls(pid int, claims []claim, paused bool) error {
	if len(s.callers) == 0 {
		return nil
	}
	ways, err := s.ways(pid, paused)
	if err != nil {
		return err
	}
	for _, w := range ways {
		net := expected{pass: 1}
		if w.end != loopback {
			net = sum(claims, w.end, "tcp", webPort)
		}
		if net.pass < 1 || len(net.tcp) > 0 {
			continue
		}
		if err := w.feel(expectCall(claims, w, net), slowed(claims)); err != nil {
			return fmt.Errorf("requests of %s, %s by %s: %w", w.path, w.side, s.names(w.end), err)
		}
	}
	return nil
}

func (w way) feel(want answers, busy time.Duration) error {
	n := 1
	if !sure(want.shares) {
		n = 40
	}
	wait := want.most + 300*time.Millisecond + busy
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	var times []time.Duration
	got, slots := map[string]int{}, make(chan struct{}, 8)
	for range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			came, took, err := get(w.from, w.to, w.path, wait)
			mu.Lock()
			defer mu.Unlock()
			got[came]++
			times = append(times, took)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	if err := feelShares(got, n, want.shares); err != nil {
		return err
	}
	took, top := slices.Min(times), want.most+100*time.Millisecond+busy
	for what := range want.shares {
		if n == 1 && strings.Contains(what, whole) && (took < want.least || took > top) {
			return fmt.Errorf("%s after %v; want %v to %v", what, took, want.least, top)
		}
	}
	return nil
}
