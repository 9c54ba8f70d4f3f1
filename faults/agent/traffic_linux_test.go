package agent

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"
)

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

// roomy gives a socket a buffer for all that a test sends: what a slow reader loses is not
// the fault's doing.
func roomy(t testing.TB, c net.PacketConn) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
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

// listen serves TCP in the peer: it greets if told to, and answers each read with what it read.
func (l *testLab) listen(address, greeting string) net.Listener {
	l.t.Helper()
	return l.listenIn(l.peer, address, greeting)
}

func (l *testLab) listenIn(ns netns.NsHandle, address, greeting string) net.Listener {
	l.t.Helper()
	var ln net.Listener
	must(l.t, inNamespace(ns, func() (err error) {
		ln, err = net.Listen("tcp", address)
		return err
	}))
	l.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, greeting)
				io.Copy(c, c)
			}()
		}
	}()
	return ln
}

// datagrams sends n numbered ones from the target to the peer, or the other
// way, and tells which arrived.
func (l *testLab) datagrams(n int, from netns.NsHandle) []bool {
	l.t.Helper()
	if from == l.peer {
		return l.datagramsTo(n, targetAddr)
	}
	return l.datagramsTo(n, peerAddr)
}

func (l *testLab) datagramsTo(n int, addr string) []bool {
	l.t.Helper()
	return l.datagramsWithin(n, addr, 300*time.Millisecond)
}

// sockets are those of a receiver of datagrams, at an address of its namespace, and of
// who sends to it.
func (l *testLab) sockets(to, from netns.NsHandle, addr string) (in net.PacketConn, out net.Conn) {
	l.t.Helper()
	must(l.t, inNamespace(to, func() (err error) {
		in, err = net.ListenPacket("udp", net.JoinHostPort(addr, "0"))
		return err
	}))
	roomy(l.t, in)
	must(l.t, inNamespace(from, func() (err error) {
		out, err = net.Dial("udp", in.LocalAddr().String())
		return err
	}))
	return in, out
}

// datagramsWithin waits for those that are on their way when the last is sent.
func (l *testLab) datagramsWithin(n int, addr string, wait time.Duration) []bool {
	l.t.Helper()
	to, from := l.peer, l.target
	if addr == targetAddr || addr == target6Addr {
		to, from = from, to
	}
	in, out := l.sockets(to, from, addr)
	defer in.Close()
	defer out.Close()
	raw, err := out.(syscall.Conn).SyscallConn()
	must(l.t, err)
	// What waits is still the sender's; its buffer must not make it wait as well.
	must(l.t, raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20) }))
	got := make([]bool, n)
	done := make(chan struct{})
	// Many a call, and few sleeps in the guest, where both take longer than a datagram.
	batch := 50
	if guest() {
		batch = 200
	}
	messages := func() []ipv4.Message {
		ms := make([]ipv4.Message, batch)
		for i := range ms {
			ms[i].Buffers = [][]byte{make([]byte, 2)}
		}
		return ms
	}
	go func() {
		defer close(done)
		ms, c := messages(), ipv4.NewPacketConn(in)
		for {
			k, err := c.ReadBatch(ms, 0)
			if err != nil {
				return
			}
			for _, m := range ms[:k] {
				got[binary.BigEndian.Uint16(m.Buffers[0])] = true
			}
		}
	}()
	ms, c := messages(), ipv4.NewPacketConn(out.(net.PacketConn))
	for i := 0; i < n; i += batch {
		for j, m := range ms {
			binary.BigEndian.PutUint16(m.Buffers[0], uint16(i+j))
		}
		for left := ms[:min(batch, n-i)]; len(left) > 0; {
			k, err := c.WriteBatch(left, 0)
			if err != nil {
				k = 1 // one that cannot be sent is one that is lost
			}
			left = left[k:]
		}
		time.Sleep(2 * time.Millisecond)
	}
	time.Sleep(wait)
	in.SetReadDeadline(time.Now())
	<-done
	return got
}

// snapshot is what nft, tc and ip show of the target: rules, qdiscs, filters and links.
func (l *testLab) snapshot() string {
	l.t.Helper()
	var b strings.Builder
	run := func(input, name string, args ...string) {
		cmd := exec.Command(name, args...)
		cmd.Stdin = strings.NewReader(input)
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
	if !guest() { // its kernel has no tables for IP
		run("", "nft", "list", "ruleset")
	}
	run("qdisc show\nfilter show dev eth0\nfilter show dev eth0 ingress\n", "tc", "-force", "-batch", "-")
	run("", "ip", "-o", "link")
	return b.String()
}

// quickest round trip: nothing is faster than a delay allows, and a busy machine
// does not make every packet late.
func quickest(rtts []time.Duration) time.Duration {
	if len(rtts) == 0 {
		return time.Hour
	}
	return slices.Min(rtts)
}
