package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// A caller with a pool meets the fault, is free of it afterwards, and loses no call that
// is under way. On both sides.
func TestDependencyOlder(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	a := startAgent(t, "")
	for _, tt := range []struct {
		side           string
		caller, called netns.NsHandle
		addr           string
	}{
		{`"called"`, l.peer, l.target, targetAddr},
		{`"calling"`, l.target, l.peer, peerAddr},
	} {
		port := l.serveIn(tt.called, func(ln net.Listener) { http.Serve(ln, page) })
		url := fmt.Sprintf("http://%s:%d", tt.addr, port)
		params := func(more string) string {
			return fmt.Sprintf(`{"side":%s,"port":%d,"percent":100%s}`, tt.side, port, more)
		}
		c := user(t, tt.caller)
		dials := 0
		tr := c.Transport.(*http.Transport)
		dial := tr.DialContext
		tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			dials++
			return dial(ctx, network, addr)
		}
		if g := get(c, url+"/"); g.status != 200 {
			t.Fatalf("%s: %+v", tt.side, g)
		}

		e := a.put(t, l, "http-error", params(`,"status":503,"established":"leave"`))
		if g := get(c, url+"/"); g.status != 200 || dials != 1 {
			t.Errorf("%s: a connection that is left gives %+v after %d dials", tt.side, g, dials)
		}
		a.take(t, e.ID)

		late := make(chan got)
		busy := user(t, tt.caller)
		go func() { late <- get(busy, url+"/late") }()
		time.Sleep(50 * time.Millisecond) // it is under way now
		e = a.put(t, l, "dependency-hang", params(""))
		if g := <-late; g.body != "late" {
			t.Errorf("%s: a call that was under way got %+v", tt.side, g)
		}
		hung := make(chan got)
		go func() { hung <- get(c, url+"/") }()
		select {
		case g := <-hung:
			t.Errorf("%s: a pooled connection gives %+v", tt.side, g)
		case <-time.After(300 * time.Millisecond):
		}
		freed := time.Now()
		a.take(t, e.ID)
		if g := <-hung; g.err == nil || os.IsTimeout(g.err) || time.Since(freed) > 2*time.Second {
			t.Errorf("%s: what hung ended with %+v after %v", tt.side, g, time.Since(freed))
		}
		if g := get(c, url+"/"); g.status != 200 {
			t.Errorf("%s: after revert %+v", tt.side, g)
		}
		if after := l.snapshot(); after != before {
			t.Errorf("%s: left: %s", tt.side, after)
		}
	}
}

// Of other protocols a connection is a call: those that are older end, and so do those
// that an earlier fault lets pass unseen.
func TestDependencyOlderBytes(t *testing.T) {
	l := newLab(t)
	a := startAgent(t, "")
	port := l.echo()
	dial := func() net.Conn {
		c, _, err := l.dial(l.peer, "tcp", net.JoinHostPort(targetAddr, fmt.Sprint(port)), time.Second)
		must(t, err)
		t.Cleanup(func() { c.Close() })
		return c
	}
	say := func(c net.Conn) error {
		_ = c.SetDeadline(time.Now().Add(400 * time.Millisecond))
		if _, err := io.WriteString(c, "hello"); err != nil {
			return err
		}
		_, err := io.ReadFull(c, make([]byte, 5))
		return err
	}
	older := dial()
	must(t, say(older))
	first := a.put(t, l, "dependency-refuse", fmt.Sprintf(`{"port":%d,"percent":1,"seed":4,"probe":"hi"}`, port))
	if err := say(older); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("an older connection gives %v", err)
	}
	if notes := strings.Join(a.take(t, first.ID).Notes, "; "); !strings.Contains(notes, "ended 1 connections") {
		t.Errorf("notes are %q", notes)
	}

	first = a.put(t, l, "dependency-refuse", fmt.Sprintf(`{"port":%d,"percent":1,"seed":4,"probe":"hi"}`, port))
	passing := dial()
	must(t, say(passing))
	second := a.put(t, l, "dependency-hang", fmt.Sprintf(`{"port":%d,"percent":100,"probe":"hi"}`, port))
	if err := say(passing); err == nil || os.IsTimeout(err) {
		t.Errorf("a connection that passed the first fault gives %v under the second", err)
	}
	if err := say(dial()); !os.IsTimeout(err) {
		t.Errorf("a new connection gives %v", err)
	}
	a.take(t, second.ID)
	must(t, say(dial()))
	a.take(t, first.ID)
	must(t, say(dial()))
}

// What is left keeps working when the fault is gone, also what is translated; the table
// that it needs goes with it.
func TestDependencyLeft(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	a := startAgent(t, "")
	for _, tt := range []struct {
		side           string
		caller, called netns.NsHandle
		addr           string
	}{{"called", l.peer, l.target, targetAddr}, {"calling", l.target, l.peer, peerAddr}} {
		port := l.serveIn(tt.called, echoing)
		e := a.put(t, l, "dependency-refuse", fmt.Sprintf(`{"side":%q,"port":%d,"percent":1,"seed":4,"established":"leave"}`, tt.side, port))
		c, _, err := l.dial(tt.caller, "tcp", net.JoinHostPort(tt.addr, fmt.Sprint(port)), time.Second)
		must(t, err)
		a.take(t, e.ID)
		_ = c.SetDeadline(time.Now().Add(2 * time.Second))
		_, err = io.WriteString(c, "hello")
		must(t, err)
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Errorf("%s: a connection that is left gives %v", tt.side, err)
		}
		c.Close()
		for end := time.Now().Add(2 * time.Second); l.snapshot() != before; {
			if time.Now().After(end) {
				t.Fatalf("%s: left: %s", tt.side, l.snapshot())
			}
		}
	}
}
