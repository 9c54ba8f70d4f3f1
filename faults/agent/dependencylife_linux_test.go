package agent

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"faultlab/faults"
	"faultlab/faults/engine"
)

// Protocols that are not HTTP are taken connection by connection.
func TestDependencyBytes(t *testing.T) {
	l := newLab(t)
	a := startAgent(t, "")
	port := l.echo()
	say := func() (string, error) {
		var c net.Conn
		err := inNamespace(l.peer, func() (err error) {
			c, err = net.Dial("tcp", net.JoinHostPort(targetAddr, fmt.Sprint(port)))
			return err
		})
		if err != nil {
			return "", err // a reset may come before the caller is told that it is connected
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(300 * time.Millisecond))
		io.WriteString(c, "hello, you\n")
		b := make([]byte, 11)
		n, err := io.ReadFull(c, b)
		return string(b[:n]), err
	}
	for kind, tt := range map[string]struct {
		more, text string
		ok         func(error) bool
	}{
		"dependency-hang":     {``, "", os.IsTimeout},
		"dependency-refuse":   {``, "", func(err error) bool { return err != nil && !os.IsTimeout(err) }},
		"dependency-slow":     {`,"delay":"50ms"`, "hello, you\n", func(err error) bool { return err == nil }},
		"dependency-truncate": {`,"after":5`, "hello", func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }},
		"dependency-reset":    {`,"after":5`, "", func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
	} {
		e := a.put(t, l, kind, fmt.Sprintf(`{"port":%d,"percent":100,"probe":"hello there\\n"%s}`, port, tt.more))
		if s, err := say(); !tt.ok(err) || tt.text != "" && s != tt.text {
			t.Errorf("%s: %q, %v", kind, s, err)
		}
		a.take(t, e.ID)
		if s, err := say(); s != "hello, you\n" {
			t.Errorf("after %s: %q, %v", kind, s, err)
		}
	}
}

func TestDependencyTLS(t *testing.T) {
	l := newLab(t)
	a := startAgent(t, "")
	s := httptest.NewUnstartedServer(page)
	s.StartTLS() // for its certificate
	t.Cleanup(s.Close)
	port := l.serve(func(ln net.Listener) {
		quiet := http.Server{Handler: page, ErrorLog: log.New(io.Discard, "", 0)}
		quiet.Serve(tls.NewListener(ln, s.TLS))
	})
	_, err := a.try(t, l, "http-error", fmt.Sprintf(`{"port":%d,"percent":100,"status":500}`, port))
	if !errors.Is(err, &Error{Code: NotSupported}) || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("http-error on TLS: %v", err)
	}
	a.take(t, a.put(t, l, "dependency-hang", fmt.Sprintf(`{"port":%d,"percent":100}`, port)).ID)
}

func TestDependencyKilled(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	for _, tt := range []struct {
		side           string
		caller, called netns.NsHandle
		addr           string
	}{{"called", l.peer, l.target, targetAddr}, {"calling", l.target, l.peer, peerAddr}} {
		port := l.serveIn(tt.called, func(ln net.Listener) { http.Serve(ln, page) })
		url := fmt.Sprintf("http://%s:%d/", tt.addr, port)
		a := startAgent(t, "")
		a.put(t, l, "dependency-hang", fmt.Sprintf(`{"side":%q,"port":%d,"percent":100}`, tt.side, port))
		c := user(t, tt.caller)
		hung := make(chan got)
		go func() { hung <- get(c, url) }()
		time.Sleep(100 * time.Millisecond) // it hangs now
		must(t, a.cmd.Process.Signal(syscall.SIGKILL))
		killed := time.Now()
		if g := <-hung; g.err == nil || os.IsTimeout(g.err) {
			t.Errorf("%s: what hung ended with %+v", tt.side, g)
		}
		a.cmd.Wait()
		for g := get(user(t, tt.caller), url); g.status != 200; g = get(user(t, tt.caller), url) {
			if time.Since(killed) > 2*time.Second {
				t.Fatalf("%s: still %+v", tt.side, g)
			}
		}
		t.Logf("%s: as before %v after SIGKILL", tt.side, time.Since(killed))
		if after := l.snapshot(); after != before {
			t.Errorf("%s: left: %s", tt.side, after)
		}
	}
	if _, err := startAgent(t, "").try(t, l, "dependency-hang", `{"port":1,"percent":100}`); !errors.Is(err, &Error{Code: NoProbe}) {
		t.Errorf("nobody listens: %v", err)
	}
}

// A server that waits for a request for a while hangs up; its callers are not told.
func TestDependencyHangOutlastsTheServer(t *testing.T) {
	l := newLab(t)
	port := l.serve(func(ln net.Listener) {
		(&http.Server{Handler: page, ReadHeaderTimeout: 100 * time.Millisecond}).Serve(ln)
	})
	a := startAgent(t, "")
	a.put(t, l, "dependency-hang", fmt.Sprintf(`{"port":%d,"percent":100}`, port))
	if g := get(user(t, l.peer), fmt.Sprintf("http://%s:%d/", targetAddr, port)); !os.IsTimeout(g.err) {
		t.Errorf("a call ended with %+v", g)
	}
}

// Bytes go through the proxy by the kernel's hand.
func TestDependencyThroughput(t *testing.T) {
	l := newLab(t)
	a := startAgent(t, "")
	port := l.serve(func(ln net.Listener) {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				word := make([]byte, 4)
				io.ReadFull(c, word)
				if string(word) == "ping" {
					c.Write(word)
					c.Close()
					return
				}
				for buf := make([]byte, 256<<10); err == nil; {
					_, err = c.Write(buf)
				}
				c.Close()
			}()
		}
	})
	rate := func() float64 {
		var c net.Conn
		must(t, inNamespace(l.peer, func() (err error) {
			c, err = net.Dial("tcp", net.JoinHostPort(targetAddr, fmt.Sprint(port)))
			return err
		}))
		defer c.Close()
		io.WriteString(c, "\x00go!")
		begun := time.Now()
		n, err := io.CopyN(io.Discard, c, 1<<30)
		must(t, err)
		return float64(n) / 1e6 / time.Since(begun).Seconds()
	}
	bare := rate()
	e := a.put(t, l, "dependency-refuse", fmt.Sprintf(`{"port":%d,"percent":1,"seed":1,"probe":"ping"}`, port))
	t.Logf("bulk: %.0f MB/s bare, %.0f MB/s through the proxy", bare, rate())
	a.take(t, e.ID)
}

// In containers: the caller sees the errors, and after a restart of the server as well.
func TestDependencyContainers(t *testing.T) {
	b := newBench(t)
	id := b.run("web-"+b.label[len(b.label)-8:], func(s *engine.Spec) { s.Env[roleEnv] = "web" })
	a := b.start()
	caller, err := b.Inspect(t.Context(), b.target)
	must(t, err)
	ns, err := openNamespace(caller.Pid)
	must(t, err)
	defer ns.close()
	ask := func() got {
		server, err := b.Inspect(t.Context(), id)
		must(t, err)
		for _, ip := range server.Networks {
			return get(user(t, ns.fd), "http://"+net.JoinHostPort(ip, "8080")+"/x")
		}
		return got{}
	}
	b.eventually("the server answers", 5*time.Second, func() bool { return ask().status == 200 })
	in, err := a.Inject(t.Context(), id, faults.HTTPError{Calls: faults.Calls{Port: 8080, Percent: 100}, Status: 502}, InjectOptions{TTL: time.Minute})
	must(t, err)
	if g := ask(); g.status != 502 {
		t.Errorf("the caller gets %+v", g)
	}
	must(t, b.Restart(t.Context(), id, 0))
	took := b.eventually("errors again after a restart", 5*time.Second, func() bool { return ask().status == 502 })
	t.Logf("in force %v after docker restart answered", took)
	must(t, in.Revert(t.Context()))
	if g := ask(); g.body != "GET /x " {
		t.Errorf("after revert the caller gets %+v", g)
	}

	// The same at the caller.
	server, err := b.Inspect(t.Context(), id)
	must(t, err)
	var addresses []string
	for _, ip := range server.Networks {
		addresses = append(addresses, ip)
	}
	in, err = a.Inject(t.Context(), b.target, faults.HTTPError{Status: 502, Calls: faults.Calls{Port: 8080, Percent: 100, Side: faults.Calling,
		Peer: faults.Hosts{Addresses: addresses}}}, InjectOptions{TTL: time.Minute})
	must(t, err)
	if g := ask(); g.status != 502 {
		t.Errorf("the caller gets %+v", g)
	}
	must(t, in.Revert(t.Context()))
	if g := ask(); g.body != "GET /x " {
		t.Errorf("after revert the caller gets %+v", g)
	}
}
