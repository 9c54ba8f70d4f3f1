package agent

import (
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// served gives how long the peer takes to connect to a port of the target's.
func (l *testLab) served(host string, port int) time.Duration {
	l.t.Helper()
	var quickest time.Duration
	for range 3 {
		c, took, err := l.dial(l.peer, "tcp", fmt.Sprintf("%s:%d", host, port), 5*time.Second)
		must(l.t, err)
		c.Close()
		if quickest == 0 || took < quickest {
			quickest = took
		}
	}
	return quickest
}

// A fault on a port of the target's meets those who call it there, and nobody else.
func TestLocalPort(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		l.listenIn(l.target, ":8080", "")
		l.listenIn(l.target, ":8081", "")
		const delay = 30 * time.Millisecond
		for _, dir := range []string{"out", "in"} {
			for probe, host := range map[string]string{peerAddr: targetAddr, peer6Addr: "[" + target6Addr + "]"} {
				t.Run("latency "+dir+" "+host, func(t *testing.T) {
					e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"30ms","direction":%q,"peer":{"local_port":8080}}`, dir), func(r *InjectRequest) { r.Probes = []string{probe} })
					if e.Backend != backend || e.Measured.Method != methodSYN {
						t.Errorf("carried by %s, measured by %s", e.Backend, e.Measured.Method)
					}
					for _, c := range []struct {
						what string
						took time.Duration
						want bool
					}{
						{"the port", l.served(host, 8080), true},
						{"another port", l.served(host, 8081), false},
						{"what the target calls", quickest(l.connects(peerAddr, 3)), false},
						{"ICMP", quickest(l.ping(peerAddr, 3, time.Millisecond, time.Second)), false},
					} {
						if got := c.took >= delay; got != c.want {
							t.Errorf("%s: %v, delayed want %v", c.what, c.took, c.want)
						}
					}
					if got := a.take(t, e.ID); got.Packets.Hit == 0 || got.Reason != "" {
						t.Errorf("reverted as %+v", got)
					}
				})
			}
			for kind, params := range map[string]string{
				"loss": `"percent":30`, "duplicate": `"percent":30`, "corrupt": `"percent":30`,
				"reorder": `"percent":30,"delay":"20ms"`, "rate": `"bits_per_second":1000000`,
			} {
				t.Run(kind+" "+dir, func(t *testing.T) {
					e, err := a.try(t, l, kind, fmt.Sprintf(`{%s,"direction":%q,"peer":{"local_port":8080}}`, params, dir))
					if backend == "netem" && kind == "rate" && dir == "in" {
						if !errors.Is(err, &Error{Code: NotSupported}) {
							t.Errorf("answers %v", err)
						}
						return
					}
					must(t, err)
					if got := a.take(t, e.ID); got.Packets.Hit == 0 || got.Reason != "" {
						t.Errorf("reverted as %+v", got)
					}
				})
			}
		}
	})
}

// timedOut tells that a dial hung.
func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// What ends traffic ends that of the port alone, as its callers see it.
func TestLocalPortCut(t *testing.T) {
	cutting(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		l.listenIn(l.target, ":8080", "")
		l.listenIn(l.target, ":8081", "")
		for _, tt := range []struct {
			kind, params string
			want         error // of a call; nil: it hangs
		}{
			{"black-hole", `{"peer":{"local_port":8080}}`, nil},
			{"black-hole", `{"direction":"in","peer":{"local_port":8080}}`, nil},
			{"partition", `{"peer":{"local_port":8080,"addresses":["10.99.7.2"]}}`, nil},
			{"reject", `{"direction":"both","peer":{"local_port":8080}}`, syscall.ECONNREFUSED},
			{"reset", `{"peer":{"local_port":8080}}`, syscall.ECONNRESET},
		} {
			t.Run(tt.kind+tt.params, func(t *testing.T) {
				if tt.kind == "reset" && backend == "netem" {
					return // it needs the queue
				}
				e := a.put(t, l, tt.kind, tt.params, func(r *InjectRequest) {
					if tt.kind == "partition" {
						r.Probes = []string{peerAddr, bystanderAddr}
					}
				})
				c, _, err := l.dial(l.peer, "tcp", targetAddr+":8080", 300*time.Millisecond)
				if err == nil && tt.kind == "reset" {
					err = echoes(c, time.Second)
				}
				if tt.want == nil && !timedOut(err) || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("a call: %v", err)
				}
				if c, _, err := l.dial(l.peer, "tcp", targetAddr+":8081", time.Second); err != nil || echoes(c, time.Second) != nil {
					t.Errorf("another port: %v", err)
				}
				if got := a.take(t, e.ID); got.Reason != "" {
					t.Errorf("reverted as %+v", got)
				}
				if c, _, err := l.dial(l.peer, "tcp", targetAddr+":8080", 2*time.Second); err != nil || echoes(c, time.Second) != nil {
					t.Errorf("after the revert: %v", err)
				}
			})
		}
	})
}
