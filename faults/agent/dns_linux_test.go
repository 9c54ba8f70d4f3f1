package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// lookUp is a user's lookup, by Go's resolver, at a server.
func (l *testLab) lookUp(server, network, name string, wait time.Duration) (addrs []string, took time.Duration, err error) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), wait)
	defer cancel()
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (c net.Conn, err error) {
		err = inNamespace(l.target, func() error {
			c, err = (&net.Dialer{}).DialContext(ctx, network, server)
			return err
		})
		return c, err
	}}
	began := time.Now()
	ips, err := r.LookupIP(ctx, network, name+".")
	for _, a := range ips {
		addrs = append(addrs, a.String())
	}
	slices.Sort(addrs)
	return addrs, time.Since(began), err
}

const testServer = farAddr + ":53"

func notFound(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}

func temporary(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsTemporary && !e.IsTimeout
}

func TestLookupFaults(t *testing.T) {
	l := newLab(t)
	z := l.nameServer()
	z.set("db.shop.internal", "10.0.0.5", "fd00::5")
	z.set("cache.shop.internal", "10.0.0.6")
	clean(t, l)
	a := startAgent(t, "")
	noProbes := func(r *InjectRequest) { r.Probes = nil }
	for _, tt := range []struct {
		kind, params string
		ok           func(addrs []string, took time.Duration, err error) bool
		other        bool // cache is concerned too
	}{
		{"dns-error", `{"name":"db.shop.internal"}`, func(_ []string, _ time.Duration, err error) bool { return notFound(err) }, false},
		{"dns-error", `{"name":"DB.*","code":"servfail"}`, func(_ []string, _ time.Duration, err error) bool { return temporary(err) }, false},
		{"dns-error", `{"code":"refused"}`, func(_ []string, _ time.Duration, err error) bool { return err != nil }, true},
		{"dns-timeout", `{"name":"*.shop.internal"}`, func(_ []string, took time.Duration, err error) bool {
			return err != nil && took >= 400*time.Millisecond
		}, true},
		{"dns-delay", `{"name":"db.shop.internal","delay":"120ms"}`, func(addrs []string, took time.Duration, err error) bool {
			return err == nil && addrs[0] == "10.0.0.5" && took >= 120*time.Millisecond && took < 120*time.Millisecond+tolerance()
		}, false},
		{"dns-address", `{"name":"db.shop.internal","addresses":["192.0.2.1","192.0.2.2"]}`, func(addrs []string, _ time.Duration, err error) bool {
			return err == nil && slices.Equal(addrs, []string{"192.0.2.1", "192.0.2.2"})
		}, false},
	} {
		t.Run(tt.kind+tt.params, func(t *testing.T) {
			e := a.put(t, l, tt.kind, tt.params, noProbes)
			t.Logf("%s; active after %v", e.Measured.Saw, e.ActiveAt.Sub(e.RequestedAt))
			if addrs, took, err := l.lookUp(testServer, "ip4", "db.shop.internal", 500*time.Millisecond); !tt.ok(addrs, took, err) {
				t.Errorf("db: %v, %v, %v", addrs, took, err)
			}
			if addrs, took, err := l.lookUp(testServer, "ip4", "cache.shop.internal", 500*time.Millisecond); (err != nil) != tt.other || !tt.other && took > 100*time.Millisecond {
				t.Errorf("cache: %v, %v, %v", addrs, took, err)
			}
			got := a.take(t, e.ID)
			if got.State != Reverted || got.Reason != "" || got.Packets.Hit == 0 {
				t.Errorf("reverted as %+v", got)
			}
			if addrs, took, err := l.lookUp(testServer, "ip", "db.shop.internal", time.Second); err != nil || !slices.Equal(addrs, []string{"10.0.0.5", "fd00::5"}) || took > 100*time.Millisecond {
				t.Errorf("after revert: %v, %v, %v", addrs, took, err)
			}
			a.take(t, e.ID)
		})
	}
	t.Run("only one type", func(t *testing.T) {
		e := a.put(t, l, "dns-address", `{"name":"db.shop.internal","type":"AAAA","addresses":["2001:db8::1"]}`, noProbes)
		if addrs, _, err := l.lookUp(testServer, "ip", "db.shop.internal", time.Second); err != nil || !slices.Equal(addrs, []string{"10.0.0.5", "2001:db8::1"}) {
			t.Errorf("%v, %v", addrs, err)
		}
		a.take(t, e.ID)
	})
	t.Run("before a fault on packets that is slower", func(t *testing.T) {
		slow := a.put(t, l, "dns-delay", `{"delay":"30ms"}`, noProbes)
		net := a.put(t, l, "latency", `{"delay":"60ms","jitter":"10ms"}`)
		if got := a.take(t, slow.ID); got.State != Reverted || got.Reason != "" {
			t.Errorf("reverted as %+v", got)
		}
		a.take(t, net.ID)
	})
	t.Run("stacked, taken away in any order", func(t *testing.T) {
		slow := a.put(t, l, "dns-delay", `{"delay":"80ms"}`, noProbes)
		wrong := a.put(t, l, "dns-address", `{"name":"db.shop.internal","addresses":["192.0.2.1"]}`, noProbes)
		net := a.put(t, l, "latency", `{"delay":"30ms"}`)
		if addrs, took, err := l.lookUp(testServer, "ip4", "db.shop.internal", time.Second); err != nil || addrs[0] != "192.0.2.1" || took < 80*time.Millisecond {
			t.Errorf("all: %v, %v, %v", addrs, took, err)
		}
		if _, took, err := l.lookUp(testServer, "ip4", "cache.shop.internal", time.Second); err != nil || took < 110*time.Millisecond || took > 110*time.Millisecond+tolerance() {
			t.Errorf("cache: %v, %v; want 110 ms", took, err)
		}
		a.take(t, slow.ID)
		if addrs, took, err := l.lookUp(testServer, "ip4", "db.shop.internal", time.Second); err != nil || addrs[0] != "192.0.2.1" || took > 60*time.Millisecond {
			t.Errorf("without the delay: %v, %v, %v", addrs, took, err)
		}
		a.take(t, net.ID)
		a.take(t, wrong.ID)
	})
	t.Run("a share, by seed", func(t *testing.T) {
		var fates [2][]bool
		for i := range fates {
			e := a.put(t, l, "dns-error", `{"name":"db.shop.internal","percent":30,"seed":7}`, noProbes)
			if e.Seed != 7 {
				t.Errorf("recorded seed %d", e.Seed)
			}
			for range 100 {
				_, _, err := l.lookUp(testServer, "ip4", "db.shop.internal", time.Second)
				fates[i] = append(fates[i], err != nil)
			}
			a.take(t, e.ID)
		}
		n := 0
		for _, bad := range fates[0] {
			if bad {
				n++
			}
		}
		lo, hi := binomialBand(100, .3)
		if n < lo || n > hi || !slices.Equal(fates[0], fates[1]) {
			t.Errorf("%d of 100, want %d to %d, and the same twice", n, lo, hi)
		}
	})
}

// The agent is killed: the next lookup is as before.
func TestLookupFaultsFailOpen(t *testing.T) {
	l := newLab(t)
	l.nameServer().set("db.shop.internal", "10.0.0.5")
	before := l.snapshot()
	a := startAgent(t, "")
	a.put(t, l, "dns-error", `{"name":"cache.*"}`)
	a.put(t, l, "dns-timeout", `{"name":"db.*"}`)
	if _, _, err := l.lookUp(testServer, "ip4", "db.shop.internal", 300*time.Millisecond); err == nil {
		t.Error("the fault is not there")
	}
	began := time.Now()
	must(t, a.cmd.Process.Kill())
	a.cmd.Wait()
	for {
		_, _, err := l.lookUp(testServer, "ip4", "db.shop.internal", 300*time.Millisecond)
		if err == nil && l.snapshot() == before {
			break
		}
		if time.Since(began) > 2*time.Second {
			t.Fatalf("after 2 s: %v\n%s", err, l.snapshot())
		}
	}
	t.Logf("as before %v after the kill", time.Since(began).Round(time.Millisecond))
}

// A server on the target's own loopback, as Docker's is, and queries over TCP.
func TestLookupsOnLoopbackAndTCP(t *testing.T) {
	l := newLab(t)
	z := l.nameServer()
	z.set("db.shop.internal", "10.0.0.5")
	var c net.PacketConn
	must(t, inNamespace(l.target, func() (err error) { c, err = net.ListenPacket("udp", "127.0.0.11:53"); return err }))
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			c.WriteTo(z.answer(buf[:n]), from)
		}
	}()
	var ln net.Listener
	must(t, inNamespace(l.peer, func() (err error) { ln, err = net.Listen("tcp", testServer); return err }))
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				head := make([]byte, 2)
				if _, err := io.ReadFull(c, head); err != nil {
					return
				}
				q := make([]byte, int(head[0])<<8|int(head[1]))
				if _, err := io.ReadFull(c, q); err == nil {
					r := z.answer(q)
					c.Write(append([]byte{byte(len(r) >> 8), byte(len(r))}, r...))
				}
			}()
		}
	}()
	byTCP := func() error {
		r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (c net.Conn, err error) {
			err = inNamespace(l.target, func() error {
				c, err = (&net.Dialer{}).DialContext(ctx, "tcp", testServer)
				return err
			})
			return c, err
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.LookupIP(ctx, "ip4", "db.shop.internal.")
		return err
	}
	if err := byTCP(); err != nil {
		t.Fatalf("before: %v", err)
	}
	a := startAgent(t, "")
	e := a.put(t, l, "dns-address", `{"name":"db.shop.internal","addresses":["192.0.2.1"]}`)
	if addrs, _, err := l.lookUp("127.0.0.11:53", "ip4", "db.shop.internal", time.Second); err != nil || addrs[0] != "192.0.2.1" {
		t.Errorf("on loopback: %v, %v", addrs, err)
	}
	if err := byTCP(); err == nil {
		t.Error("over TCP: answered as before")
	}
	a.take(t, e.ID)
	if err := byTCP(); err != nil {
		t.Errorf("over TCP after revert: %v", err)
	}
	if addrs, _, err := l.lookUp("127.0.0.11:53", "ip4", "db.shop.internal", time.Second); err != nil || addrs[0] != "10.0.0.5" {
		t.Errorf("on loopback after revert: %v, %v", addrs, err)
	}
}

// Nothing is proved without a server that answers.
func TestLookupsWithoutServer(t *testing.T) {
	l := newLab(t)
	z := l.nameServer()
	z.silence(true)
	a := startAgent(t, "")
	if _, err := a.try(t, l, "dns-error", `{"name":"db"}`); !errors.Is(err, &Error{Code: NoProbe}) || !strings.Contains(err.Error(), fmt.Sprint(farAddr)) {
		t.Errorf("%v", err)
	}
	l.untouched(l.snapshot(), time.Second)
}
