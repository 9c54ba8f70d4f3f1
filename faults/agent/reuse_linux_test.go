package agent

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netns"
)

// fewPorts has what begins connections in a namespace use its ports again soon: there are
// few, and none waits until its last connection is long over.
func fewPorts(t *testing.T, ns netns.NsHandle) {
	t.Helper()
	must(t, inNamespace(ns, func() error {
		return errors.Join(os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40127"), 0),
			os.WriteFile("/proc/sys/net/ipv4/tcp_max_tw_buckets", []byte("0"), 0))
	}))
}

// translates gives a namespace NAT of its own, as container engines do for their DNS.
func translates(t *testing.T, ns netns.NsHandle) {
	t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(int(ns)))
	must(t, err)
	table := c.AddTable(&nftables.Table{Name: "own", Family: nftables.TableFamilyINet})
	c.AddChain(&nftables.Chain{Name: "out", Table: table, Type: nftables.ChainTypeNAT, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest})
	must(t, c.Flush())
}

// Who calls from a port that was used shortly before, for a call that met a fault or one
// that the proxy passed on, is not taken for who called from it then. On both sides.
func TestDependencyPortsUsedAgain(t *testing.T) {
	const calls = 150
	lo, hi := testBand(calls, 0.6)
	reset := func(g got) bool {
		return errors.Is(g.err, syscall.ECONNRESET) || errors.Is(g.err, syscall.EPIPE) || errors.Is(g.err, io.EOF)
	}
	for _, tt := range []struct {
		side    string
		tracked bool // also when there is no fault
	}{{"called", false}, {"calling", false}, {"called", true}, {"calling", true}} {
		side := tt.side
		t.Run(fmt.Sprintf("%s tracked %v", side, tt.tracked), func(t *testing.T) {
			l := newLab(t)
			if tt.tracked {
				translates(t, l.target)
			}
			before := l.snapshot()
			caller, called, addr := l.peer, l.target, targetAddr
			if side == "calling" {
				caller, called, addr = l.target, l.peer, farAddr
			}
			port := l.serveIn(called, func(ln net.Listener) { http.Serve(ln, page) })
			fewPorts(t, l.target)
			fewPorts(t, l.peer)
			a := startAgent(t, "")
			// ask calls a number of times and counts the calls that are whole, and those that met the fault.
			ask := func(what, path string, n int, met func(got) bool) (felt int) {
				t.Helper()
				c := user(t, caller)
				c.Transport.(*http.Transport).DisableKeepAlives = true
				c.Timeout = 2 * time.Second
				var mu sync.Mutex
				var wg sync.WaitGroup
				slots := make(chan struct{}, 4)
				for range n {
					slots <- struct{}{}
					wg.Go(func() {
						g := get(c, fmt.Sprintf("http://%s:%d%s", addr, port, path))
						<-slots
						mu.Lock()
						defer mu.Unlock()
						switch {
						case met(g):
							felt++
						case g.err != nil || g.status != 200 || path == "/big" && len(g.body) != 20000:
							t.Errorf("%s: a call gives %d, %d bytes, %v", what, g.status, len(g.body), g.err)
						}
					})
				}
				wg.Wait()
				return felt
			}
			for range 2 {
				for _, tt := range []struct {
					kind, more, path string
					met              func(got) bool
				}{
					{"dependency-truncate", `,"after":1000,"probe":"/big"`, "/big", func(g got) bool { return errors.Is(g.err, io.ErrUnexpectedEOF) && len(g.body) == 1000 }},
					{"dependency-reset", `,"after":1000,"probe":"/big"`, "/big", reset},
					{"dependency-refuse", ``, "/who", reset},
					{"http-error", `,"status":503`, "/who", func(g got) bool { return g.status == 503 }},
				} {
					e := a.put(t, l, tt.kind, fmt.Sprintf(`{"side":%q,"port":%d,"percent":60%s}`, side, port, tt.more), func(r *InjectRequest) {
						if side == "calling" {
							r.Probes = []string{farAddr}
						}
					})
					if n := ask(tt.kind, tt.path, calls, tt.met); n < lo || n > hi {
						t.Errorf("%s: %d of %d calls met it, want %d to %d", tt.kind, n, calls, lo, hi)
					}
					if got := a.take(t, e.ID); got.State != Reverted || got.Reason != "" || strings.Contains(fmt.Sprint(got.Notes), "astray") {
						t.Errorf("%s: %s, %q, notes %q", tt.kind, got.State, got.Reason, got.Notes)
					}
					ask("after "+tt.kind, tt.path, calls, func(got) bool { return false })
				}
			}
			if after := l.snapshot(); after != before {
				t.Errorf("left: %s", after)
			}
		})
	}
}

// The server sees who calls, whoever the last was that the proxy called it for from the
// same port; it resets its connections, and the kernel remembers those longest.
func TestDependencyCallersPortsUsedAgain(t *testing.T) {
	l := newLab(t)
	port := l.serve(func(ln net.Listener) {
		for c, err := ln.Accept(); err == nil; c, err = ln.Accept() {
			go func() {
				fmt.Fprintln(c, c.RemoteAddr())
				_, _ = bufio.NewReader(c).ReadString('\n')
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}()
		}
	})
	fewPorts(t, l.target)
	a := startAgent(t, "")
	e := a.put(t, l, "dependency-slow", fmt.Sprintf(`{"port":%d,"percent":100,"delay":"1ms"}`, port))
	for i := range 400 {
		from := []string{peerAddr, bystanderAddr, farAddr}[i%3]
		var c net.Conn
		must(t, inNamespace(l.peer, func() (err error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			c, err = d.DialContext(t.Context(), "tcp", fmt.Sprintf("%s:%d", targetAddr, port))
			return err
		}))
		must(t, c.SetDeadline(time.Now().Add(3*time.Second)))
		answer, err := bufio.NewReader(c).ReadString('\n')
		if err != nil || !strings.HasPrefix(answer, from+":") {
			t.Fatalf("call %d from %s: the server says %q, %v", i, from, answer, err)
		}
		fmt.Fprintln(c, "thanks")
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	}
	a.take(t, e.ID)
}
