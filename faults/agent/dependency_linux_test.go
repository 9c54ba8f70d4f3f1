package agent

import (
	"bytes"
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

// serve runs a server in the target until the test ends, and gives its port.
func (l *testLab) serve(run func(net.Listener)) int { return l.serveIn(l.target, run) }

func (l *testLab) serveIn(ns netns.NsHandle, run func(net.Listener)) int {
	l.t.Helper()
	var ln net.Listener
	must(l.t, inNamespace(ns, func() (err error) {
		ln, err = net.Listen("tcp", ":0")
		return err
	}))
	l.t.Cleanup(func() { ln.Close() })
	go run(ln)
	return ln.Addr().(*net.TCPAddr).Port
}

// page is what the test's server answers: 20,000 bytes at /big, else few.
var page = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.URL.Path == "/big":
		w.Header().Set("Content-Length", "20000")
		w.Write(bytes.Repeat([]byte("x"), 20000))
	case r.URL.Path == "/who":
		io.WriteString(w, r.RemoteAddr)
	case r.URL.Path == "/late":
		time.Sleep(time.Second)
		io.WriteString(w, "late")
	case r.URL.Path == "/chunks":
		for range 3 {
			io.WriteString(w, "chunk")
			w.(http.Flusher).Flush()
		}
	default:
		fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
	}
})

func (l *testLab) web() int {
	return l.serve(func(ln net.Listener) { http.Serve(ln, page) })
}

// echo answers with what it gets.
func (l *testLab) echo() int {
	return l.serve(echoing)
}

func echoing(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() { defer c.Close(); io.Copy(c, c) }()
	}
}

// user is a client in a namespace.
func user(t testing.TB, ns netns.NsHandle) *http.Client {
	tr := &http.Transport{DialContext: func(ctx context.Context, _, addr string) (c net.Conn, err error) {
		err = inNamespace(ns, func() error {
			c, err = (&net.Dialer{}).DialContext(ctx, "tcp", addr)
			return err
		})
		return c, err
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 3 * time.Second}
}

// got is what a user gets.
type got struct {
	status int
	body   string
	err    error
	took   time.Duration
}

func get(c *http.Client, url string) (g got) {
	start := time.Now()
	defer func() { g.took = time.Since(start) }()
	resp, err := c.Get(url)
	if err != nil {
		return got{err: err}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return got{status: resp.StatusCode, body: string(b), err: err}
}

func TestDependencyKinds(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	port := l.web()
	a := startAgent(t, "")
	for _, tt := range []struct {
		kind, params, path string
		want               func(got) bool
	}{
		{"http-error", `"status":503,"body":"{\"a\":1}"`, "/", func(g got) bool { return g.status == 503 && g.body == `{"a":1}` }},
		{"http-error", `"status":500,"path":"/big*","methods":["GET"]`, "/big", func(g got) bool { return g.status == 500 }},
		{"dependency-hang", ``, "/", func(g got) bool { return g.err != nil && os.IsTimeout(g.err) }},
		{"dependency-hang", `"after":100,"probe":"/big"`, "/big", func(g got) bool { return os.IsTimeout(g.err) && len(g.body) == 100 }},
		{"dependency-refuse", ``, "/", func(g got) bool { return errors.Is(g.err, syscall.ECONNRESET) || errors.Is(g.err, io.EOF) }},
		{"dependency-slow", `"delay":"100ms"`, "/", func(g got) bool {
			return g.status == 200 && g.took > 99*time.Millisecond && g.took < 150*time.Millisecond
		}},
		{"dependency-rate", `"bytes_per_second":100000,"probe":"/big"`, "/big", func(g got) bool {
			return len(g.body) == 20000 && g.took > 195*time.Millisecond && g.took < 260*time.Millisecond
		}},
		{"dependency-truncate", `"after":1000,"probe":"/big"`, "/big", func(g got) bool {
			return errors.Is(g.err, io.ErrUnexpectedEOF) && len(g.body) == 1000 && g.status == 200
		}},
		{"dependency-truncate", `"probe":"/chunks"`, "/chunks", func(g got) bool { return errors.Is(g.err, io.ErrUnexpectedEOF) && g.body == "" }},
		{"dependency-reset", `"after":1000,"probe":"/big"`, "/big", func(g got) bool { return errors.Is(g.err, syscall.ECONNRESET) }},
	} {
		t.Run(tt.kind+" "+tt.params, func(t *testing.T) {
			params := fmt.Sprintf(`{"port":%d,"percent":100`, port)
			if tt.params != "" {
				params += "," + tt.params
			}
			e := a.put(t, l, tt.kind, params+"}")
			t.Logf("%v to inject; %+v", e.ActiveAt.Sub(e.RequestedAt), *e.Measured)
			for _, from := range []struct {
				ns   netns.NsHandle
				addr string
			}{{l.peer, targetAddr}, {l.peer, "fd99:7::1"}, {l.target, "127.0.0.1"}, {l.target, "::1"}, {l.target, targetAddr}} {
				c := user(t, from.ns)
				if tt.kind == "dependency-hang" {
					c.Timeout = 300 * time.Millisecond
				}
				url := "http://" + net.JoinHostPort(from.addr, fmt.Sprint(port))
				if g := get(c, url+tt.path); !tt.want(g) {
					t.Errorf("%s gives %d, %d bytes, %v after %v", url, g.status, len(g.body), g.err, g.took)
				}
				if strings.Contains(tt.params, `"path"`) {
					if g := get(c, url+"/other"); g.body != "GET /other " {
						t.Errorf("another path gives %+v", g)
					}
				}
			}
			for range 2 {
				if got := a.take(t, e.ID); got.State != Reverted || got.Packets.Hit == 0 {
					t.Errorf("reverted as %+v", got)
				}
			}
			if g := get(user(t, l.peer), fmt.Sprintf("http://%s:%d/x", targetAddr, port)); g.body != "GET /x " {
				t.Errorf("after revert: %+v", g)
			}
			if after := l.snapshot(); after != before {
				t.Errorf("left: %s", after)
			}
		})
	}
}

// Untouched calls go through whole, whatever they are.
func TestDependencyUntouched(t *testing.T) {
	l := newLab(t)
	port := l.web()
	a := startAgent(t, "")
	url := fmt.Sprintf("http://%s:%d", targetAddr, port)
	c := user(t, l.peer)
	measure := func(n int) (small, mixed time.Duration) {
		var short, times []time.Duration
		for i := range n {
			path := []string{"/a", "/big", "/chunks"}[i%3]
			g := get(c, url+path)
			if want := []int{7, 20000, 15}[i%3]; g.err != nil || g.status != 200 || len(g.body) != want {
				t.Fatalf("request %d, %s: %+v", i, path, g)
			}
			times = append(times, g.took)
			if i%3 == 0 {
				short = append(short, g.took)
			}
		}
		return median(short), median(times)
	}
	bare, bareMixed := measure(1000)
	e := a.put(t, l, "http-error", fmt.Sprintf(`{"port":%d,"percent":100,"status":503,"path":"/none"}`, port))
	c.CloseIdleConnections()
	proxied, mixed := measure(10000)
	t.Logf("p50 on a kept connection: short answers %v bare, %v through the proxy; all %v and %v", bare, proxied, bareMixed, mixed)
	for i := range 200 {
		resp, err := c.Post(url+"/p", "text/plain", strings.NewReader(fmt.Sprint(i)))
		must(t, err)
		if b, _ := io.ReadAll(resp.Body); string(b) != fmt.Sprintf("POST /p %d", i) {
			t.Fatalf("post %d gives %q", i, b)
		}
		resp.Body.Close()
	}
	a.take(t, e.ID)
	measure(30) // on the connection that was under way
}

// Several faults on one port: the first injected is asked first, each goes alone.
func TestDependencyStack(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	port := l.web()
	a := startAgent(t, "")
	url := fmt.Sprintf("http://%s:%d", targetAddr, port)
	c := user(t, l.peer)
	put := func(kind, params string) string {
		return a.put(t, l, kind, fmt.Sprintf(`{"port":%d,%s}`, port, params)).ID
	}
	slow := put("dependency-slow", `"percent":100,"delay":"60ms"`)
	half := put("http-error", `"percent":50,"status":503,"seed":7`)
	bad := put("http-error", `"percent":100,"status":500,"path":"/bad"`)
	series := func() (s string) {
		for range 40 {
			s += fmt.Sprint(get(c, url+"/").status / 100)
		}
		return s
	}
	first := series()
	if lo, hi := binomialBand(40, 0.5); strings.Count(first, "5") < lo || strings.Count(first, "5") > hi {
		t.Errorf("half fail: %s", first)
	}
	if g := get(c, url+"/"); g.took < 60*time.Millisecond {
		t.Errorf("took %v", g.took)
	}
	a.take(t, slow)
	if g := get(c, url+"/"); g.took > 50*time.Millisecond {
		t.Errorf("without the delay it took %v", g.took)
	}
	a.take(t, half)
	half = put("http-error", `"percent":50,"status":503,"seed":7`)
	if second := series(); second != first {
		t.Errorf("the same seed gives\n%s and\n%s", first, second)
	}
	a.take(t, half)
	if g := get(c, url+"/bad"); g.status != 500 {
		t.Errorf("/bad gives %+v", g)
	}
	if g := get(c, url+"/"); g.status != 200 {
		t.Errorf("/ gives %+v", g)
	}
	if _, err := a.try(t, l, "http-error", fmt.Sprintf(`{"port":%d,"percent":100,"status":501,"path":"/bad"}`, port)); !errors.Is(err, &Error{Code: Unproved}) {
		t.Errorf("one that is hidden: %v", err)
	}
	a.take(t, bad)
	if after := l.snapshot(); after != before {
		t.Errorf("left: %s", after)
	}
}
