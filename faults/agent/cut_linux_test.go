package agent

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// cutting runs a test with the queue, and as where the kernel has none.
func cutting(t *testing.T, f func(t *testing.T, backend string)) {
	needRoot(t)
	t.Run("queue", func(t *testing.T) { f(t, "queue") })
	t.Run("kernel alone", func(t *testing.T) { f(t, "netem") })
}

// dial is a user's: from a namespace, within half a second unless told otherwise.
func (l *testLab) dial(from netns.NsHandle, network, address string, within time.Duration) (net.Conn, time.Duration, error) {
	l.t.Helper()
	var c net.Conn
	start := time.Now()
	err := inNamespace(from, func() (err error) {
		c, err = net.DialTimeout(network, address, within)
		return err
	})
	if c != nil {
		l.t.Cleanup(func() { c.Close() })
	}
	return c, time.Since(start), err
}

// hangs reports whether connecting neither succeeds nor fails.
func (l *testLab) hangs(from netns.NsHandle, address string) bool {
	_, _, err := l.dial(from, "tcp", address, 300*time.Millisecond)
	return timedOut(err)
}

// echoes reports whether a connection carries data there and back.
func echoes(c net.Conn, within time.Duration) error {
	c.SetDeadline(time.Now().Add(within))
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 5))
	return err
}

func TestBlackHole(t *testing.T) {
	cutting(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		v4, v6 := l.listen(peerAddr+":0", "").Addr().String(), l.listen("["+peer6Addr+"]:0", "").Addr().String()
		other := l.listen(bystanderAddr+":0", "").Addr().String()
		open, _, err := l.dial(l.target, "tcp", v4, time.Second)
		must(t, err)
		e := a.put(t, l, "black-hole", `{"peer":{"addresses":["10.99.7.2","fd99:7::2"]}}`)
		t.Logf("%s; active after %v", e.Measured.Saw, e.ActiveAt.Sub(e.RequestedAt))
		if e.Backend != "nft" {
			t.Errorf("back-end %s", e.Backend)
		}
		if !l.hangs(l.target, v4) || !l.hangs(l.target, v6) {
			t.Error("connecting does not hang")
		}
		if err := echoes(open, 300*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("on an open connection: %v, want silence", err)
		}
		if c, _, err := l.dial(l.target, "tcp", other, time.Second); err != nil || echoes(c, time.Second) != nil {
			t.Errorf("a bystander: %v", err)
		}
		if len(l.ping(targetAddr, 3, 0, time.Second)) != 3 {
			t.Error("loopback is touched")
		}
		u, _, err := l.dial(l.target, "udp", peerAddr+":999", time.Second)
		must(t, err)
		// A network says nothing to the sender; the kernel alone cannot keep quiet.
		if _, err := u.Write([]byte("x")); (err != nil) != (backend == "netem") {
			t.Errorf("a datagram: %v", err)
		}
		got := a.take(t, e.ID)
		if got.State != Reverted || got.Reason != "" || got.Packets.Dropped < 10 || got.Packets.Hit != got.Packets.Dropped {
			t.Errorf("reverted as %+v", got)
		}
		if c, _, err := l.dial(l.target, "tcp", v4, time.Second); err != nil || echoes(c, time.Second) != nil {
			t.Errorf("after revert: %v", err)
		}
		if err := echoes(open, 5*time.Second); err != nil {
			t.Errorf("the open connection after revert: %v", err)
		}
		a.take(t, e.ID)
	})
}

// With direction in the peer hears the target; with out the target hears the peer.
func TestBlackHoleDirections(t *testing.T) {
	l := newLab(t)
	clean(t, l)
	a := startAgent(t, "")
	for _, dir := range []string{"in", "out"} {
		e := a.put(t, l, "black-hole", fmt.Sprintf(`{"direction":%q,"peer":{"addresses":["10.99.7.2"]}}`, dir))
		for from, want := range map[netns.NsHandle]bool{l.target: dir == "in", l.peer: dir == "out"} {
			arrived := 0
			for _, ok := range l.datagrams(20, from) {
				if ok {
					arrived++
				}
			}
			if (arrived > 0) != want {
				t.Errorf("%s: %d of 20 arrived, want some: %v", dir, arrived, want)
			}
		}
		a.take(t, e.ID)
	}
}

func TestReject(t *testing.T) {
	cutting(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		v4, v6 := l.listen(peerAddr+":0", "").Addr().String(), l.listen("["+peer6Addr+"]:0", "").Addr().String()
		for _, tt := range []struct {
			params string
			tcp    error // connecting fails with it
			udp    error // and reading from a datagram socket with it
		}{
			{`{"peer":{"addresses":["10.99.7.2","fd99:7::2"]}}`, syscall.ECONNREFUSED, syscall.ECONNREFUSED},
			{`{"peer":{"addresses":["10.99.7.2","fd99:7::2"],"protocol":"tcp"}}`, syscall.ECONNREFUSED, nil},
			{`{"answer":"port-unreachable","peer":{"addresses":["10.99.7.0/24","fd99:7::/64"]}}`, syscall.ECONNREFUSED, syscall.ECONNREFUSED},
			{`{"answer":"host-unreachable"}`, syscall.EHOSTUNREACH, nil}, // Linux tells datagram sockets fatal errors only
			{`{"answer":"admin-prohibited","direction":"both"}`, syscall.EHOSTUNREACH, syscall.EHOSTUNREACH},
		} {
			t.Run(tt.params, func(t *testing.T) {
				open, _, err := l.dial(l.target, "tcp", v4, time.Second)
				must(t, err)
				e := a.put(t, l, "reject", tt.params)
				t.Logf("%s; active after %v", e.Measured.Saw, e.ActiveAt.Sub(e.RequestedAt))
				for _, to := range []string{v4, v6} {
					want, within := tt.tcp, 200*time.Millisecond
					if backend == "netem" {
						within = 2 * time.Second // an ICMP error finds the socket busy; the next SYN's does not
					}
					if strings.Contains(to, "[") && strings.Contains(tt.params, "admin") {
						want = syscall.EACCES
					}
					if _, took, err := l.dial(l.target, "tcp", to, 5*time.Second); !errors.Is(err, want) || took > within {
						t.Errorf("connecting to %s: %v after %v, want %v", to, err, took, want)
					}
				}
				if tt.tcp == syscall.ECONNREFUSED && !strings.Contains(tt.params, "answer") {
					if err := echoes(open, time.Second); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
						t.Errorf("on an open connection: %v, want a reset", err)
					}
				}
				u, _, err := l.dial(l.target, "udp", peerAddr+":53", time.Second)
				must(t, err)
				u.Write([]byte("x"))
				u.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				_, err = u.Read(make([]byte, 1))
				if tt.udp != nil && backend == "queue" && !errors.Is(err, tt.udp) {
					t.Errorf("a datagram: %v, want %v", err, tt.udp)
				}
				got := a.take(t, e.ID)
				if got.Packets.Dropped == 0 || got.Reason != "" {
					t.Errorf("reverted as %+v", got)
				}
				if c, _, err := l.dial(l.target, "tcp", v6, time.Second); err != nil || echoes(c, time.Second) != nil {
					t.Errorf("after revert: %v", err)
				}
			})
		}
		t.Run("what the peer sends", func(t *testing.T) {
			for _, dir := range []string{"in", "both"} {
				e := a.put(t, l, "reject", fmt.Sprintf(`{"direction":%q,"peer":{"addresses":["10.99.7.2"]}}`, dir))
				var ln net.Listener
				must(t, inNamespace(l.target, func() (err error) { ln, err = net.Listen("tcp", targetAddr+":0"); return err }))
				if _, took, err := l.dial(l.peer, "tcp", ln.Addr().String(), time.Second); !errors.Is(err, syscall.ECONNREFUSED) || took > 200*time.Millisecond {
					t.Errorf("%s: the peer connects: %v after %v, want refused", dir, err, took)
				}
				ln.Close()
				a.take(t, e.ID)
			}
		})
	})
}

// Answers that come twice come over loopback the second time: they are no refusals.
func TestRejectRevertedUnderDuplicate(t *testing.T) {
	l := newLab(t)
	a := startAgent(t, "queue")
	_, port, _ := net.SplitHostPort(l.listen(peerAddr+":0", "").Addr().String())
	e := a.put(t, l, "reject", fmt.Sprintf(`{"peer":{"addresses":[%q],"port":%s,"protocol":"tcp"}}`, peerAddr, port))
	a.put(t, l, "duplicate", fmt.Sprintf(`{"percent":100,"direction":"both","peer":{"addresses":[%q]}}`, peerAddr))
	if got := a.take(t, e.ID); got.State != Reverted || got.Reason != "" {
		t.Errorf("%s: %s", got.State, got.Reason)
	}
}

// Where the kernel has no nftables netem lets vanish what is sent; the rest is an error
// that says so.
func TestNetemBlackHole(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend == "queue" {
			t.Skip("this kernel has nftables; TestBlackHole")
		}
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		e := a.put(t, l, "black-hole", `{"direction":"out","peer":{"addresses":["10.99.7.2"]}}`)
		if len(l.ping(peerAddr, 5, time.Millisecond, 200*time.Millisecond)) != 0 || len(l.ping(bystanderAddr, 5, time.Millisecond, time.Second)) != 5 {
			t.Error("the peer answers, or a bystander does not")
		}
		if got := a.take(t, e.ID); e.Backend != "netem" || got.Packets.Dropped < 8 || len(l.ping(peerAddr, 5, time.Millisecond, time.Second)) != 5 {
			t.Errorf("by %s, reverted as %+v", e.Backend, got)
		}
		for kind, params := range map[string]string{"black-hole": `{}`, "reject": `{}`, "reset": `{}`} {
			if _, err := a.try(t, l, kind, params); !errors.Is(err, &Error{Code: NotSupported}) {
				t.Errorf("%s: %v, want not supported", kind, err)
			}
		}
	})
}

func TestPartition(t *testing.T) {
	cutting(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		others := func(r *InjectRequest) { r.Probes = []string{peerAddr, bystanderAddr} }
		e := a.put(t, l, "partition", `{"peer":{"addresses":["10.99.7.2","10.99.9.0/24"]}}`, others)
		t.Log(e.Measured.Saw)
		if !strings.Contains(e.Measured.Saw, bystanderAddr) || !strings.Contains(e.Measured.Saw, "answered still") {
			t.Errorf("saw %q", e.Measured.Saw)
		}
		for to, want := range map[string]int{peerAddr: 0, farAddr: 0, bystanderAddr: 5} {
			if got := len(l.ping(to, 5, time.Millisecond, 200*time.Millisecond)); got != want {
				t.Errorf("%s answered %d of 5, want %d", to, got, want)
			}
		}
		a.take(t, e.ID)
		if _, err := a.try(t, l, "partition", `{"peer":{"addresses":["10.99.0.0/16","fd99::/16"]}}`); !errors.Is(err, &Error{Code: NoProbe}) || !strings.Contains(err.Error(), "outside") {
			t.Errorf("a partition from everybody: %v", err)
		}
	})
}

// Foreign rules are byte for byte as before, while a fault is on and after.
func TestCutLeavesForeignRules(t *testing.T) {
	l := newLab(t)
	nft := func(args ...string) string {
		cmd := exec.Command("nft", args...)
		var b strings.Builder
		cmd.Stdout, cmd.Stderr = &b, &b
		must(t, inNamespace(l.target, cmd.Start))
		if err := cmd.Wait(); err != nil {
			t.Fatalf("nft %v: %v: %s", args, err, b.String())
		}
		return b.String()
	}
	if _, err := exec.LookPath("nft"); err != nil {
		skip(t, "no nft; `apt-get install nftables`")
	}
	nft("add table ip filter; add chain ip filter OUTPUT { type filter hook output priority -309; policy accept; }; add rule ip filter OUTPUT ip daddr 10.99.7.3 accept")
	nft("add table inet other; add set inet other s { type ipv4_addr; elements = { 10.99.7.2 } }; add chain inet other in { type filter hook prerouting priority -309; }; add rule inet other in ip saddr @s accept")
	clean(t, l)
	foreign := func() string { return nft("list", "table", "ip", "filter") + nft("list", "table", "inet", "other") }
	before := foreign()
	a := startAgent(t, "")
	for _, kind := range []string{"black-hole", "reset", "reject"} {
		e := a.put(t, l, kind, `{"direction":"both","peer":{"addresses":["10.99.7.2"]}}`)
		if foreign() != before {
			t.Errorf("%s changed foreign rules:\n%s", kind, foreign())
		}
		a.take(t, e.ID)
	}
}
