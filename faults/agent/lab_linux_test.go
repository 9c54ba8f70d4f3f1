package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

// The test binary is also the agent, and the process that stands for a target.
const roleEnv = "FAULTLAB_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "agent":
		k, _ := newKernel()
		k.(*linux).backend = os.Getenv("FAULTLAB_TEST_BACKEND")
		if err := serve(context.Background(), k, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "user": // starts an agent in a container, injects, and waits to be killed
		if err := userRole(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	case "target":
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		<-c
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// skip ends a test for a typed reason; where everything must be there, it fails it.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("FAULTLAB_REQUIRE") == "1" {
		t.Fatalf("required here: %s", reason)
	}
	t.Skip(reason)
}

func needRoot(t *testing.T) {
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
)

type testLab struct {
	t            *testing.T
	target, peer netns.NsHandle
	proc         *exec.Cmd
}

func newLab(t *testing.T) *testLab {
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
	up(t, l.target, targetAddr+"/24", "fd99:7::1/64")
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
	l.proc.Env = append(os.Environ(), roleEnv+"=target")
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

func up(t *testing.T, ns netns.NsHandle, addrs ...string) {
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

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ping is a user's ping, not the agent's: it gives the round trips of those answered.
func (l *testLab) ping(to string, count int, interval, wait time.Duration) []time.Duration {
	l.t.Helper()
	var c net.PacketConn
	must(l.t, inNamespace(l.target, func() (err error) {
		c, err = net.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	}))
	roomy(l.t, c)
	defer c.Close()
	id := os.Getpid() & 0xffff
	sent := make([]time.Time, count)
	var mu sync.Mutex
	var rtts []time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for got := 0; got < count; {
			n, from, err := c.ReadFrom(buf)
			now := time.Now()
			if err != nil {
				return
			}
			m, err := icmp.ParseMessage(1, buf[:n])
			if e, ok := m.Body.(*icmp.Echo); err == nil && ok && m.Type == ipv4.ICMPTypeEchoReply && e.ID == id && from.String() == to {
				mu.Lock()
				rtts = append(rtts, now.Sub(sent[e.Seq]))
				mu.Unlock()
				got++
			}
		}
	}()
	dst := &net.IPAddr{IP: net.ParseIP(to)}
	for i := range count {
		b, _ := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: id, Seq: i, Data: make([]byte, 56)}}).Marshal(nil)
		mu.Lock()
		sent[i] = time.Now()
		mu.Unlock()
		c.WriteTo(b, dst)
		if i < count-1 {
			time.Sleep(interval)
		}
	}
	c.SetReadDeadline(time.Now().Add(wait))
	<-done
	return rtts
}

// roomy gives a socket a large buffer: what a slow reader loses is not the fault's doing.
func roomy(t *testing.T, c net.PacketConn) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20)
	}))
	must(t, err)
}

// connects gives the times of n TCP handshakes with a listener of the peer.
func (l *testLab) connects(to string, n int) []time.Duration {
	l.t.Helper()
	var ln net.Listener
	must(l.t, inNamespace(l.peer, func() (err error) {
		ln, err = net.Listen("tcp", net.JoinHostPort(to, "0"))
		return err
	}))
	defer ln.Close()
	var out []time.Duration
	must(l.t, inNamespace(l.target, func() error {
		for range n {
			start := time.Now()
			c, err := net.DialTimeout("tcp", ln.Addr().String(), 5*time.Second)
			if err != nil {
				return err
			}
			out = append(out, time.Since(start))
			c.Close()
		}
		return nil
	}))
	return out
}

// datagrams sends n numbered ones from the target to the peer, or the other
// way, and tells which arrived.
func (l *testLab) datagrams(n int, from netns.NsHandle) []bool {
	l.t.Helper()
	to, addr := l.peer, peerAddr
	if from == l.peer {
		to, addr = l.target, targetAddr
	}
	var in net.PacketConn
	must(l.t, inNamespace(to, func() (err error) {
		in, err = net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
		return err
	}))
	defer in.Close()
	roomy(l.t, in)
	var out net.Conn
	must(l.t, inNamespace(from, func() (err error) {
		out, err = net.Dial("udp", in.LocalAddr().String())
		return err
	}))
	defer out.Close()
	got := make([]bool, n)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 16)
		for {
			k, _, err := in.ReadFrom(buf)
			if err != nil {
				return
			}
			if k == 2 {
				got[int(buf[0])<<8|int(buf[1])] = true
			}
		}
	}()
	for i := range n {
		out.Write([]byte{byte(i >> 8), byte(i)})
		if i%50 == 49 {
			time.Sleep(2 * time.Millisecond)
		}
	}
	time.Sleep(300 * time.Millisecond) // what is on its way
	in.SetReadDeadline(time.Now())
	<-done
	return got
}

// snapshot is what nft and tc show of the target: rules, qdiscs and filters.
func (l *testLab) snapshot() string {
	l.t.Helper()
	var b strings.Builder
	run := func(name string, args ...string) {
		cmd := exec.Command(name, args...)
		if filepath.Base(cmd.Path) == cmd.Path {
			return // not on this machine
		}
		cmd.Stdout, cmd.Stderr = &b, &b
		if err := inNamespace(l.target, cmd.Start); err != nil {
			l.t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			fmt.Fprintln(&b, err)
		}
	}
	run("nft", "list", "ruleset")
	run("tc", "qdisc", "show")
	run("tc", "filter", "show", "dev", "eth0")
	return b.String()
}

// testAgent is an agent in a process of its own, as in real life.
type testAgent struct {
	*Client
	cmd *exec.Cmd
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

func startAgent(t *testing.T, backend string) *testAgent {
	t.Helper()
	needRoot(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=agent", "FAULTLAB_TEST_BACKEND="+backend)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	a := &testAgent{NewClient(pipes{out, in}), cmd}
	t.Cleanup(func() {
		a.Client.Close()
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the agent does not end")
			cmd.Process.Kill()
		}
	})
	return a
}

var injections struct {
	sync.Mutex
	n int
}

// put injects a fault or fails the test.
func (a *testAgent) put(t *testing.T, l *testLab, kind, params string, more ...func(*InjectRequest)) *Entry {
	t.Helper()
	e, err := a.try(t, l, kind, params, more...)
	if err != nil {
		t.Fatalf("inject %s %s: %v", kind, params, err)
	}
	if e.State != Active || e.Measured == nil || e.ActiveAt.IsZero() || e.EndsAt.IsZero() {
		t.Fatalf("inject %s answered %+v", kind, e)
	}
	return e
}

func (a *testAgent) try(t *testing.T, l *testLab, kind, params string, more ...func(*InjectRequest)) (*Entry, error) {
	t.Helper()
	injections.Lock()
	injections.n++
	id := fmt.Sprintf("f%d", injections.n)
	injections.Unlock()
	req := InjectRequest{ID: id, Kind: kind, Params: json.RawMessage(params), PID: l.pid(), Probes: []string{peerAddr}}
	for _, f := range more {
		f(&req)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return a.Inject(ctx, req)
}

func (a *testAgent) take(t *testing.T, id string) *Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := a.Revert(ctx, id)
	if err != nil {
		t.Fatalf("revert %s: %v", id, err)
	}
	return e
}

// guest says that we run in the guest kernel of TestGuest.
func guest() bool { return os.Getenv("FAULTLAB_TEST_GUEST") == "1" }
