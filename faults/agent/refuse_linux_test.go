package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func TestRefusals(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		probe := func(p ...string) func(*InjectRequest) { return func(r *InjectRequest) { r.Probes = p } }
		for _, tt := range []struct {
			name, kind, params string
			with               func(*InjectRequest)
			code               Code
			text               string
		}{
			{"host network", "latency", `{"delay":"1ms"}`, func(r *InjectRequest) { r.PID = os.Getpid() }, Refused, "host's network namespace"},
			{"no such process", "latency", `{"delay":"1ms"}`, func(r *InjectRequest) { r.PID = 1 << 22 }, TargetGone, ""},
			{"unknown kind", "lag", `{}`, nil, BadRequest, "want one of"},
			{"out of range", "loss", `{"percent":101}`, nil, BadRequest, "want above 0, up to 100"},
			{"nobody answers", "latency", `{"delay":"1ms"}`, probe("10.99.7.77"), NoProbe, "10.99.7.77"},
			{"probe outside the peer", "latency", `{"delay":"1ms","peer":{"addresses":["10.99.7.2"]}}`, probe(bystanderAddr), NoProbe, "no address to probe"},
			{"udp port", "latency", `{"delay":"1ms","peer":{"protocol":"udp","port":123}}`, nil, NoProbe, "only DNS"},
			{"bad probe", "latency", `{"delay":"1ms"}`, probe("db.shop.internal"), BadRequest, "want an IP address"},
			{"loopback probe", "latency", `{"delay":"1ms"}`, probe("127.0.0.1"), BadRequest, "other than loopback"},
		} {
			with := tt.with
			if with == nil {
				with = func(*InjectRequest) {}
			}
			_, err := a.try(t, l, tt.kind, tt.params, with)
			if !errors.Is(err, &Error{Code: tt.code}) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%s: %v, want %s with %q", tt.name, err, tt.code, tt.text)
			}
		}
		if _, err := a.Revert(t.Context(), "nothing"); !errors.Is(err, &Error{Code: NotFound}) {
			t.Errorf("revert of nothing: %v", err)
		}
		e := a.put(t, l, "latency", `{"delay":"5ms"}`)
		if _, err := a.try(t, l, "latency", `{"delay":"1ms"}`, func(r *InjectRequest) { r.ID = e.ID }); !errors.Is(err, &Error{Code: BadRequest}) {
			t.Errorf("id taken: %v", err)
		}
		if backend == "queue" {
			b := startAgent(t, backend)
			if _, err := b.try(t, l, "latency", `{"delay":"1ms"}`); !errors.Is(err, &Error{Code: Refused}) {
				t.Errorf("a second agent on the target: %v", err)
			}
		}
		if list, err := a.Status(t.Context()); err != nil || len(list) != 1 || list[0].State != Active {
			t.Errorf("status %+v, %v", list, err)
		}
		a.take(t, e.ID)
	})
}

// A fault that asks for what the kernel lacks is an error that names it.
func TestLadder(t *testing.T) {
	needRoot(t)
	c, err := Probe()
	must(t, err)
	l := newLab(t)
	a := startAgent(t, "")
	e := a.put(t, l, "latency", `{"delay":"5ms"}`)
	if want := c.Backend(); e.Backend != want {
		t.Errorf("back-end %s, want %s", e.Backend, want)
	}
	a.take(t, e.ID)
	if !c.Netem.OK {
		b := startAgent(t, "netem")
		if _, err := b.try(t, l, "latency", `{"delay":"5ms"}`); !errors.Is(err, &Error{Code: NotSupported}) || !strings.Contains(err.Error(), "sch_netem missing") {
			t.Errorf("netem without sch_netem: %v", err)
		}
	}
	if c.NFQueue.OK {
		e := a.put(t, l, "loss", `{"percent":30,"seed":5}`)
		if e.Backend != "queue" || e.Seed != 5 {
			t.Errorf("a seed went to %s with seed %d", e.Backend, e.Seed)
		}
		a.take(t, e.ID)
	}
}

func TestNetemRefusesForeignQdisc(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend != "netem" {
			t.Skip("the queue leaves qdiscs alone")
		}
		l := newLab(t)
		var q *netlink.Prio
		must(t, inNamespace(l.target, func() error {
			link, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			q = netlink.NewPrio(netlink.QdiscAttrs{LinkIndex: link.Attrs().Index, Parent: netlink.HANDLE_ROOT, Handle: netlink.MakeHandle(1, 0)})
			return netlink.QdiscAdd(q)
		}))
		clean(t, l)
		a := startAgent(t, backend)
		if _, err := a.try(t, l, "latency", `{"delay":"5ms"}`); !errors.Is(err, &Error{Code: Refused}) || !strings.Contains(err.Error(), "not ours") {
			t.Errorf("a foreign qdisc: %v", err)
		}
		a.take(t, a.put(t, l, "latency", `{"delay":"5ms","direction":"in"}`).ID) // it is not in the way of that
	})
}

// Where somebody else has taken what arrives, nothing is put; a filter that somebody
// adds to our qdisc stays, and the qdisc for it.
func TestNetemRefusesForeignIngress(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		if backend != "netem" {
			t.Skip("the queue leaves qdiscs alone")
		}
		l := newLab(t)
		a := startAgent(t, backend)
		var index int
		at := func(f func() error) { t.Helper(); must(t, inNamespace(l.target, f)) }
		at(func() error {
			link, err := netlink.LinkByName("eth0")
			index = link.Attrs().Index
			return err
		})
		attrs := netlink.QdiscAttrs{LinkIndex: index, Parent: netlink.HANDLE_INGRESS, Handle: ingressHandle}
		for _, q := range []netlink.Qdisc{&netlink.Clsact{QdiscAttrs: attrs}, &netlink.Ingress{QdiscAttrs: attrs}} {
			at(func() error { return netlink.QdiscAdd(q) })
			before := l.snapshot()
			for _, dir := range []string{"in", "both"} {
				_, err := a.try(t, l, "latency", `{"delay":"5ms","direction":"`+dir+`"}`)
				if !errors.Is(err, &Error{Code: Refused}) || !strings.Contains(err.Error(), q.Type()+" qdisc that is not ours") {
					t.Errorf("%s with a foreign %s: %v", dir, q.Type(), err)
				}
			}
			a.take(t, a.put(t, l, "latency", `{"delay":"5ms"}`).ID)
			if after := l.snapshot(); after != before {
				t.Errorf("now there is\n%s\nbefore\n%s", after, before)
			}
			at(func() error { return netlink.QdiscDel(q) })
		}
		e := a.put(t, l, "latency", `{"delay":"5ms","direction":"in"}`)
		foreign := arrivalsFilter(index, 0)
		foreign.Priority, foreign.Protocol, foreign.ClassId = 7, unix.ETH_P_IP, 1
		foreign.Sel = &netlink.TcU32Sel{Nkeys: 1, Keys: selector{proto: "udp", port: 9}.keys(unix.ETH_P_IP, dirIn)}
		at(func() error { return netlink.FilterAdd(foreign) })
		a.take(t, e.ID)
		if left := l.snapshot(); !strings.Contains(left, "pref 7 ") || strings.Contains(left, arrivalsName) {
			t.Errorf("somebody else's filter is gone, or ours is not:\n%s", left)
		}
	})
}

// A cancelled injection is taken away again.
func TestCancel(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	a := startAgent(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	_, err := a.Inject(ctx, InjectRequest{ID: "c", Kind: "latency", Params: json.RawMessage(`{"delay":"400ms"}`), PID: l.pid(), Probes: []string{peerAddr}})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("inject answered %v", err)
	}
	l.untouched(before, 2*time.Second)
}

// The agent's own namespace and thread state stay as they were, whatever happens in others.
func TestThreadsGoHome(t *testing.T) {
	needRoot(t)
	home, err := netns.Get()
	must(t, err)
	defer home.Close()
	ns, err := newNamespace()
	must(t, err)
	defer ns.Close()
	must(t, inNamespace(ns, func() error { return nil }))
	for range 20 {
		now, err := netns.Get()
		must(t, err)
		if !now.Equal(home) {
			t.Fatal("a thread stayed in another namespace")
		}
		now.Close()
	}
}

// What an agent cannot read is answered with an error, and it goes on.
func TestHostileInput(t *testing.T) {
	needRoot(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=agent")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	defer cmd.Process.Kill()
	r := bufio.NewScanner(out)
	for _, line := range []string{"{", "null", "[]", `{"id":0,"op":"ping"}`, `{"id":1,"op":"ping","x":1}`, `{"id":1,"op":"ping"}{}`,
		`{"id":2,"op":"rm"}`, `{"id":3,"op":"inject"}`, `{"id":4,"op":"inject","inject":{"id":"a","kind":"loss","params":{},"pid":-1}}`,
		`{"id":5,"op":"sweep","pids":[999999999]}`, strings.Repeat("x", 3<<20), `{"id":6,"op":"revert"}`, "\x00\xff"} {
		io.WriteString(in, line+"\n")
		if !r.Scan() || !strings.Contains(r.Text(), `"error":{"code"`) {
			t.Fatalf("%.40q answered with %q", line, r.Text())
		}
	}
	io.WriteString(in, `{"id":7,"op":"ping"}`+"\n")
	if !r.Scan() || r.Text() != `{"id":7}` {
		t.Errorf("ping answered with %q", r.Text())
	}
	io.WriteString(in, `{"id":8,"op":"pi`)
	in.Close()
	if r.Scan() {
		t.Errorf("a cut-off line was answered with %q", r.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
