package agent

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What the target calls breaks for it alone, at the peer's addresses and nowhere else.
func TestDependencyCalling(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	port := l.serveIn(l.peer, func(ln net.Listener) { http.Serve(ln, page) })
	a := startAgent(t, "")
	url := func(host, path string) string { return "http://" + net.JoinHostPort(host, fmt.Sprint(port)) + path }
	for _, tt := range []struct {
		kind, params, path string
		want               func(got) bool
	}{
		{"http-error", `"status":503`, "/", func(g got) bool { return g.status == 503 }},
		{"dependency-hang", ``, "/", func(g got) bool { return os.IsTimeout(g.err) }},
		{"dependency-refuse", ``, "/", func(g got) bool { return errors.Is(g.err, syscall.ECONNRESET) || errors.Is(g.err, io.EOF) }},
		{"dependency-slow", `"delay":"100ms"`, "/", func(g got) bool { return g.status == 200 && g.took > 99*time.Millisecond }},
		{"dependency-rate", `"bytes_per_second":100000,"probe":"/big"`, "/big", func(g got) bool { return len(g.body) == 20000 && g.took > 195*time.Millisecond }},
		{"dependency-truncate", `"after":1000,"probe":"/big"`, "/big", func(g got) bool { return errors.Is(g.err, io.ErrUnexpectedEOF) && len(g.body) == 1000 }},
		{"dependency-reset", `"after":1000,"probe":"/big"`, "/big", func(g got) bool { return errors.Is(g.err, syscall.ECONNRESET) }},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			params := fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"peer":{"addresses":[%q,%q]}`, port, farAddr, peer6Addr)
			if tt.params != "" {
				params += "," + tt.params
			}
			e := a.put(t, l, tt.kind, params+"}")
			for _, host := range []string{farAddr, peer6Addr} {
				c := user(t, l.target)
				if tt.kind == "dependency-hang" {
					c.Timeout = 300 * time.Millisecond
				}
				if g := get(c, url(host, tt.path)); !tt.want(g) {
					t.Errorf("the target's call to %s gives %d, %d bytes, %v after %v", host, g.status, len(g.body), g.err, g.took)
				}
				if g := get(user(t, l.peer), url(host, "/x")); g.body != "GET /x " {
					t.Errorf("another caller of %s gets %+v", host, g)
				}
			}
			if g := get(user(t, l.target), url(bystanderAddr, "/who")); g.status != 200 || !strings.HasPrefix(g.body, targetAddr+":") {
				t.Errorf("the call to a bystander gives %+v", g)
			}
			if got := a.take(t, e.ID); got.State != Reverted || got.Packets.Hit == 0 {
				t.Errorf("reverted as %+v", got)
			}
			if g := get(user(t, l.target), url(farAddr, "/x")); g.body != "GET /x " {
				t.Errorf("after revert: %+v", g)
			}
			if after := l.snapshot(); after != before {
				t.Errorf("left: %s", after)
			}
		})
	}
	t.Run("nobody is called", func(t *testing.T) {
		_, err := a.try(t, l, "dependency-hang", `{"side":"calling","port":9,"percent":100}`, noProbes)
		if !errors.Is(err, &Error{Code: NoProbe}) || !strings.Contains(err.Error(), "calls nobody on port 9") {
			t.Errorf("injected with %v", err)
		}
	})
}

// Faults for different peers on one port go one by one, each from its own peer.
func TestDependencyCallingStack(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	port := l.serveIn(l.peer, func(ln net.Listener) { http.Serve(ln, page) })
	a := startAgent(t, "")
	put := func(status int, peer string) string {
		return a.put(t, l, "http-error", fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"status":%d,"peer":{"addresses":[%q]}}`, port, status, peer), noProbes).ID
	}
	check := func(far, by, other int) {
		t.Helper()
		var answers []int
		for _, host := range []string{farAddr, bystanderAddr, peerAddr} {
			answers = append(answers, get(user(t, l.target), fmt.Sprintf("http://%s:%d/", host, port)).status)
		}
		if want := []int{far, by, other}; !slices.Equal(answers, want) {
			t.Errorf("they answer %v, want %v", answers, want)
		}
	}
	far, by := put(501, farAddr), put(502, bystanderAddr)
	check(501, 502, 200)
	a.take(t, far)
	check(200, 502, 200)
	all := a.put(t, l, "http-error", fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"status":503}`, port)).ID
	check(503, 502, 503)
	a.take(t, by)
	check(503, 503, 503)
	a.take(t, all)
	check(200, 200, 200)
	if after := l.snapshot(); after != before {
		t.Errorf("left: %s", after)
	}
}

// Names are followed on the calling side as those of faults on packets are.
func TestDependencyCallingNames(t *testing.T) {
	l := newLab(t)
	port := l.serveIn(l.peer, func(ln net.Listener) { http.Serve(ln, page) })
	z := l.nameServer()
	z.set("pay.example", farAddr)
	a := startAgent(t, "")
	e := a.put(t, l, "http-error", fmt.Sprintf(`{"side":"calling","port":%d,"percent":100,"status":503,"peer":{"names":["pay.example"]}}`, port), noProbes)
	status := func(host string) int {
		return get(user(t, l.target), fmt.Sprintf("http://%s:%d/", host, port)).status
	}
	if got := [2]int{status(farAddr), status(bystanderAddr)}; got != [2]int{503, 200} {
		t.Errorf("the peer and a bystander answer %v", got)
	}
	z.set("pay.example", bystanderAddr)
	for end := time.Now().Add(5 * time.Second); status(bystanderAddr) != 503; {
		if time.Now().After(end) {
			t.Fatal("the name's new address is not taken")
		}
	}
	if got := status(farAddr); got != 200 {
		t.Errorf("the name's old address answers %d", got)
	}
	if got := a.take(t, e.ID); len(got.Notes) < 2 {
		t.Errorf("notes are %v", got.Notes)
	}
}

// The server sees who calls, also through the proxy; and calls of others pass by it.
func TestDependencyCallers(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	port := l.web()
	a := startAgent(t, "")
	e := a.put(t, l, "http-error", fmt.Sprintf(`{"port":%d,"percent":100,"status":503,"path":"/none"}`, port))
	ask := func(from, to, path string) string {
		var c net.Conn
		must(t, inNamespace(l.peer, func() (err error) {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
			c, err = d.DialContext(t.Context(), "tcp", net.JoinHostPort(to, fmt.Sprint(port)))
			return err
		}))
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.0\r\n\r\n", path)
		b, err := io.ReadAll(c)
		must(t, err)
		return string(b)
	}
	for _, from := range []struct{ addr, to string }{{peerAddr, targetAddr}, {bystanderAddr, targetAddr}, {farAddr, targetAddr}, {peer6Addr, "fd99:7::1"}} {
		answer := ask(from.addr, from.to, "/who")
		if host, _, err := net.SplitHostPort(answer[strings.LastIndex(answer, "\n")+1:]); err != nil || host != from.addr {
			t.Errorf("called from %s the server answers %q", from.addr, answer)
		}
	}
	a.take(t, e.ID)
	e = a.put(t, l, "http-error", fmt.Sprintf(`{"port":%d,"percent":100,"status":503,"peer":{"addresses":[%q]}}`, port, farAddr))
	for addr, want := range map[string]string{farAddr: "503", peerAddr: "200"} {
		if answer := ask(addr, targetAddr, "/"); !strings.HasPrefix(answer, "HTTP/1.") || answer[9:12] != want {
			t.Errorf("called from %s it answers %q, want %s", addr, answer, want)
		}
	}
	a.take(t, e.ID)
	if after := l.snapshot(); after != before {
		t.Errorf("left: %s", after)
	}
}

// Servers whose answers cannot show a fault: those that are silent, or speak first, or
// answer nonsense to HTTP. No probe is named.
func TestDependencyAnyProtocol(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	a := startAgent(t, "")
	each := func(f func(net.Conn)) func(net.Listener) {
		return func(ln net.Listener) {
			for c, err := ln.Accept(); err == nil; c, err = ln.Accept() {
				go func() { defer c.Close(); f(c); io.Copy(io.Discard, c) }()
			}
		}
	}
	for name, server := range map[string]func(net.Listener){
		"silent": each(func(net.Conn) {}),
		"first":  each(func(c net.Conn) { io.WriteString(c, "220 ready\r\n") }),
		"echo":   echoing,
	} {
		port := l.serve(server)
		for kind, more := range map[string]string{"dependency-slow": `,"delay":"50ms"`, "dependency-reset": "", "dependency-truncate": `,"after":500`,
			"dependency-hang": "", "dependency-rate": `,"bytes_per_second":20000`, "dependency-refuse": ""} {
			if name != "silent" && kind != "dependency-slow" && kind != "dependency-reset" {
				continue
			}
			e := a.put(t, l, kind, fmt.Sprintf(`{"port":%d,"percent":100%s}`, port, more))
			t.Logf("%s, %s: %v to inject; %s", name, kind, e.ActiveAt.Sub(e.RequestedAt).Round(time.Millisecond), e.Measured.Saw)
			if got := a.take(t, e.ID); got.State != Reverted {
				t.Errorf("%s, %s: reverted as %+v", name, kind, got)
			}
		}
		if after := l.snapshot(); after != before {
			t.Errorf("%s: left: %s", name, after)
		}
	}
	port := l.serve(each(func(net.Conn) {}))
	if _, err := a.try(t, l, "dependency-slow", fmt.Sprintf(`{"port":%d,"percent":100,"delay":"50ms","path":"/x"}`, port)); !errors.Is(err, &Error{Code: NoProbe}) {
		t.Errorf("a path of a silent server: %v", err)
	}
}
