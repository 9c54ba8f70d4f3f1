package agent

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"faultlab/faults/agent/guesttest"
)

// skip ends a test for a typed reason; where everything must be there, it fails it.
func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("FAULTLAB_REQUIRE") == "1" {
		t.Fatalf("required here: %s", reason)
	}
	t.Skip(reason)
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
}

// The test network: a target and, over one cable, a peer with several addresses.
const (
	targetAddr    = "10.99.7.1"
	peerAddr      = "10.99.7.2"
	bystanderAddr = "10.99.7.3"
	farAddr       = "10.99.9.2"
	peer6Addr     = "fd99:7::2"
	target6Addr   = "fd99:7::1"
)

type testLab struct {
	t            testing.TB
	target, peer netns.NsHandle
	proc         *exec.Cmd
}

func newLab(t testing.TB) *testLab {
	t.Helper()
	needRoot(t)
	l := &testLab{t: t}
	var err error
	for _, h := range []*netns.NsHandle{&l.target, &l.peer} {
		if *h, err = newNamespace(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
	}
	must(t, inNamespace(l.target, func() error {
		return netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth0", PeerNamespace: netlink.NsFd(l.peer)})
	}))
	up(t, l.target, targetAddr+"/24", target6Addr+"/64")
	up(t, l.peer, peerAddr+"/24", bystanderAddr+"/24", farAddr+"/24", peer6Addr+"/64")
	must(t, inNamespace(l.target, func() error {
		return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(peerAddr)})
	}))
	l.start()
	l.ready()
	return l
}

// start runs the process that stands for the container.
func (l *testLab) start() {
	l.t.Helper()
	l.proc = exec.Command(os.Args[0])
	l.proc.Env = append(os.Environ(), roleEnv+"=target", tiedEnv+"=1")
	_, err := l.proc.StdinPipe()
	must(l.t, err)
	must(l.t, inNamespace(l.target, l.proc.Start))
	p := l.proc
	l.t.Cleanup(func() { p.Process.Kill(); p.Wait() })
}

func (l *testLab) pid() int { return l.proc.Process.Pid }

// ready waits until the cable carries packets.
func (l *testLab) ready() {
	l.t.Helper()
	for range 100 {
		if rtt := l.ping(peerAddr, 1, 0, 200*time.Millisecond); len(rtt) == 1 {
			return
		}
	}
	l.t.Fatal("the test network does not come up")
}

func up(t testing.TB, ns netns.NsHandle, addrs ...string) {
	t.Helper()
	must(t, inNamespace(ns, func() error {
		for _, name := range []string{"lo", "eth0"} {
			link, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(link); err != nil {
				return err
			}
			for _, a := range addrs {
				addr, err := netlink.ParseAddr(a)
				if err != nil {
					return err
				}
				addr.Flags = unix.IFA_F_NODAD
				if name == "eth0" {
					if err := netlink.AddrAdd(link, addr); err != nil {
						return fmt.Errorf("%s: %w", a, err)
					}
				}
			}
		}
		return nil
	}))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// guest says that we run in the guest kernel of TestGuest.
func guest() bool { return guesttest.Inside() }
