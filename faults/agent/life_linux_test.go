package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// untouched waits until the target is as before and packets flow without delay.
func (l *testLab) untouched(before string, within time.Duration) {
	l.t.Helper()
	end := time.Now().Add(within)
	for {
		after := l.snapshot()
		rtts := l.ping(peerAddr, 20, time.Millisecond, 300*time.Millisecond)
		if after == before && len(rtts) == 20 && median(rtts) < 20*time.Millisecond {
			return
		}
		if time.Now().After(end) {
			l.t.Fatalf("after %v: %d of 20 answered in %v; left:\n%s", within, len(rtts), median(rtts), after)
		}
	}
}

func twoFaults(t *testing.T, l *testLab, a *testAgent) {
	a.put(t, l, "latency", `{"delay":"60ms","direction":"both"}`)
	a.put(t, l, "loss", `{"percent":40}`)
}

func TestEndOfInputReverts(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		before := l.snapshot()
		a := startAgent(t, backend)
		twoFaults(t, l, a)
		a.Close()
		if err := a.cmd.Wait(); err != nil {
			t.Errorf("the agent ended with %v", err)
		}
		l.untouched(before, time.Second)
	})
}

// The same, at moments when the agent is still busy with an injection.
func TestEndOfInputWhileInjecting(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		before := l.snapshot()
		for _, after := range []time.Duration{0, 30 * time.Millisecond, 120 * time.Millisecond, 300 * time.Millisecond} {
			a := startAgent(t, backend)
			errc := make(chan error, 1)
			go func() {
				_, err := a.try(t, l, "latency", `{"delay":"200ms"}`)
				errc <- err
			}()
			time.Sleep(after)
			a.Close()
			if err := <-errc; !errors.Is(err, &Error{Code: Dead}) {
				t.Errorf("inject answered %v, want agent-dead", err)
			}
			a.cmd.Wait()
			l.untouched(before, time.Second)
		}
	})
}

func TestKilledAgentLeavesNothing(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		before := l.snapshot()
		for _, after := range []time.Duration{0, 50 * time.Millisecond, -1} {
			a := startAgent(t, backend)
			if after < 0 {
				twoFaults(t, l, a)
			} else {
				go a.try(t, l, "latency", `{"delay":"60ms","direction":"both"}`)
				time.Sleep(after)
			}
			start := time.Now()
			must(t, a.cmd.Process.Signal(syscall.SIGKILL))
			a.cmd.Wait()
			select {
			case <-a.Done():
			case <-time.After(2 * time.Second):
				t.Error("the client does not see that the agent is dead")
			}
			if err := a.Ping(t.Context()); !errors.Is(err, &Error{Code: Dead}) {
				t.Errorf("ping of a dead agent: %v", err)
			}
			l.untouched(before, 2*time.Second)
			t.Logf("killed after %v: as before %v later", after, time.Since(start).Round(time.Millisecond))
		}
	})
}

// Where the keeper was killed first, a sweep or the next agent removes what is left.
func TestNetemSweep(t *testing.T) {
	if c, err := Probe(); err != nil || !c.Netem.OK {
		t.Skip("the guest has netem")
	}
	l := newLab(t)
	// The length that the kernel gives a queue on which somebody put a qdisc: who comes
	// after both were killed cannot know another one.
	must(t, inNamespace(l.target, func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkSetTxQLen(link, 1000)
	}))
	before := l.snapshot()
	for _, sweep := range []bool{true, false} {
		a := startAgent(t, "netem")
		a.put(t, l, "latency", `{"delay":"60ms","direction":"both"}`)
		for _, pid := range childrenOf(t, a.cmd.Process.Pid) {
			must(t, syscall.Kill(pid, syscall.SIGKILL))
		}
		must(t, a.cmd.Process.Signal(syscall.SIGKILL))
		a.cmd.Wait()
		if l.snapshot() == before {
			t.Error("netem went away by itself; the sweep is not tested")
		}
		b := startAgent(t, "netem")
		if sweep {
			removed, err := b.Sweep(t.Context(), l.pid())
			if err != nil || len(removed) != 2 {
				t.Errorf("sweep removed %q, %v", removed, err)
			}
		} else {
			b.take(t, b.put(t, l, "latency", `{"delay":"20ms","direction":"in"}`).ID)
		}
		l.untouched(before, time.Second)
	}
}

// childrenOf are the processes that a process has made.
func childrenOf(t *testing.T, parent int) (out []int) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/status")
	must(t, err)
	for _, f := range list {
		text, _ := os.ReadFile(f)
		if strings.Contains(string(text), fmt.Sprintf("\nPPid:\t%d\n", parent)) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			must(t, err)
			out = append(out, pid)
		}
	}
	return out
}

func TestTimeToLive(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		before := l.snapshot()
		a := startAgent(t, backend)
		e := a.put(t, l, "latency", `{"delay":"60ms"}`, func(r *InjectRequest) { r.TTL = "300ms" })
		select {
		case got := <-a.Events():
			if got.ID != e.ID || got.State != Expired || got.RevertedAt.Before(got.EndsAt) {
				t.Errorf("event %+v", got)
			}
		case <-time.After(5 * time.Second):
			t.Error("no event")
		}
		l.untouched(before, time.Second)
		if got := a.take(t, e.ID); got.State != Expired {
			t.Errorf("revert after the end answers %+v", got)
		}
		for _, ttl := range []string{"0s", "-1s", "24h1s", "1"} {
			_, err := a.try(t, l, "latency", `{"delay":"60ms"}`, func(r *InjectRequest) { r.TTL = ttl })
			if !errors.Is(err, &Error{Code: BadRequest}) {
				t.Errorf("ttl %s: %v", ttl, err)
			}
		}
	})
}

func TestTargetEnds(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		before := l.snapshot()
		a := startAgent(t, backend)
		e := a.put(t, l, "latency", `{"delay":"60ms"}`)
		l.proc.Process.Kill()
		l.proc.Wait()
		select {
		case got := <-a.Events():
			if got.ID != e.ID || got.State != Lost || !strings.Contains(got.Reason, "ended") {
				t.Errorf("event %+v", got)
			}
		case <-time.After(5 * time.Second):
			t.Error("no event")
		}
		l.untouched(before, time.Second) // the namespace lives on here
		if _, err := a.try(t, l, "latency", `{"delay":"60ms"}`); !errors.Is(err, &Error{Code: TargetGone}) {
			t.Errorf("inject into a dead process: %v", err)
		}
		l.start()
		a.take(t, a.put(t, l, "latency", `{"delay":"60ms"}`).ID)
	})
}
