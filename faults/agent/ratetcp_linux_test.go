package agent

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// transfer takes so many bytes over a TCP connection that the target makes, and gives the time from
// when the first is sent until the last is there.
func (l *testLab) transfer(bytes int, from netns.NsHandle) time.Duration {
	l.t.Helper()
	took, _ := l.transferTo(peerAddr, bytes, from)
	return took
}

// transferTo is transfer to an address of the peer's, and tells how many packets of data came out of order.
func (l *testLab) transferTo(addr string, bytes int, from netns.NsHandle) (took time.Duration, disordered int) {
	l.t.Helper()
	var ln net.Listener
	must(l.t, inNamespace(l.peer, func() (err error) {
		ln, err = net.Listen("tcp", net.JoinHostPort(addr, "0"))
		return err
	}))
	defer ln.Close()
	var c net.Conn
	must(l.t, inNamespace(l.target, func() (err error) {
		c, err = net.DialTimeout("tcp", ln.Addr().String(), 5*time.Second)
		return err
	}))
	defer c.Close()
	server, err := ln.Accept()
	must(l.t, err)
	defer server.Close()
	sender, receiver := net.Conn(server), c
	if from == l.target {
		sender, receiver = c, server
	}
	start := time.Now()
	go func() {
		sender.Write(make([]byte, bytes))
		sender.(*net.TCPConn).CloseWrite()
	}()
	receiver.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := io.Copy(io.Discard, receiver)
	if err != nil || int(n) != bytes {
		l.t.Fatalf("%d of %d bytes came: %v", n, bytes, err)
	}
	took = time.Since(start)
	raw, err := receiver.(*net.TCPConn).SyscallConn()
	must(l.t, err)
	must(l.t, raw.Control(func(fd uintptr) {
		var info *unix.TCPInfo
		if info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			disordered = int(info.Rcv_ooopack)
		}
	}))
	must(l.t, err)
	return took, disordered
}

// A rate for TCP alone is proved by SYNs, and TCP takes what there is and no more.
func TestRateOfTCP(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		for _, dir := range []string{"out", "in"} {
			const rate, bytes = 4_000_000, 500_000
			params := fmt.Sprintf(`{"bits_per_second":%d,"direction":%q,"peer":{"addresses":[%q],"protocol":"tcp"}}`, rate, dir, peerAddr)
			if backend == "netem" && dir == "in" {
				if _, err := a.try(t, l, "rate", params); !errors.Is(err, &Error{Code: NotSupported}) {
					t.Errorf("by netem alone: %v, want not supported", err)
				}
				continue
			}
			e := a.put(t, l, "rate", params)
			took := l.transfer(bytes, l.sender(dir))
			t.Logf("%s: %d bytes in %v, the agent (%s): %s", dir, bytes, took, e.Measured.Method, e.Measured.Saw)
			least := time.Second * bytes * 8 / rate * 9 / 10 // the bucket is full at first
			if took < least || took > 3*least || e.Measured.Method != methodSYN {
				t.Errorf("%s: took %v, want %v or a little more", dir, took, least)
			}
			a.take(t, e.ID)
			if took := l.transfer(bytes, l.sender(dir)); took > least/2 {
				t.Errorf("%s: took %v after revert", dir, took)
			}
		}
	})
}

// TCP gets through all of them at once, in both directions, with every byte right.
func TestDisturbancesOfTCP(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		a := startAgent(t, backend)
		var es []*Entry
		for kind, params := range map[string]string{
			"duplicate": `{"percent":10,"direction":"both"}`, "corrupt": `{"percent":1,"direction":"both"}`, "reorder": `{"percent":50,"delay":"2ms","direction":"both"}`,
		} {
			es = append(es, a.put(t, l, kind, params))
		}
		for _, from := range []netns.NsHandle{l.target, l.peer} {
			t.Logf("200 kB in %v", l.transfer(200_000, from))
		}
		for _, e := range es {
			a.take(t, e.ID)
		}
	})
}
