package agent

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ends gives both ends of a connection between the target and a listener of the peer.
func (l *testLab) ends(host string) (client, server net.Conn) {
	l.t.Helper()
	var ln net.Listener
	must(l.t, inNamespace(l.peer, func() (err error) { ln, err = net.Listen("tcp", net.JoinHostPort(host, "0")); return err }))
	defer ln.Close()
	accepted := make(chan net.Conn, 1)
	go func() { c, _ := ln.Accept(); accepted <- c }()
	client, _, err := l.dial(l.target, "tcp", ln.Addr().String(), time.Second)
	must(l.t, err)
	server = <-accepted
	l.t.Cleanup(func() { server.Close() })
	return client, server
}

// wasReset waits for the end of a connection.
func wasReset(c net.Conn) error {
	c.SetReadDeadline(time.Now().Add(time.Second))
	_, err := c.Read(make([]byte, 1))
	return err
}

func TestReset(t *testing.T) {
	l := newLab(t)
	clean(t, l)
	a := startAgent(t, "")
	for _, tt := range []struct {
		params      string
		byOut, byIn bool // the target's data brings a reset, the peer's does
	}{
		{`{"peer":{"addresses":["10.99.7.2","fd99:7::2"]}}`, true, true},
		{`{"direction":"out"}`, true, false},
		{`{"direction":"both","peer":{"protocol":"tcp"}}`, true, true},
	} {
		t.Run(tt.params, func(t *testing.T) {
			type pair struct{ client, server net.Conn }
			var before []pair
			for range 2 {
				for _, host := range []string{peerAddr, peer6Addr} {
					c, s := l.ends(host)
					before = append(before, pair{c, s})
				}
			}
			idle, _ := l.ends(peerAddr)
			e := a.put(t, l, "reset", tt.params)
			t.Logf("%s; active after %v", e.Measured.Saw, e.ActiveAt.Sub(e.RequestedAt))
			c4, s4 := l.ends(peerAddr) // handshakes get through
			c6, s6 := l.ends(peer6Addr)
			for i, p := range append(before, pair{c4, s4}, pair{c6, s6}) {
				sender, want := p.client, tt.byOut
				if i >= 2 && i < 4 {
					sender, want = p.server, tt.byIn
				}
				if _, err := sender.Write([]byte("data")); err != nil {
					t.Errorf("%d: write: %v", i, err)
				}
				for name, end := range map[string]net.Conn{"target": p.client, "peer": p.server} {
					if err := wasReset(end); errors.Is(err, syscall.ECONNRESET) != want {
						t.Errorf("connection %d, at the %s: %v, want a reset: %v", i, name, err, want)
					}
				}
			}
			if len(l.ping(peerAddr, 5, 0, time.Second)) != 5 {
				t.Error("pings are touched")
			}
			got := a.take(t, e.ID)
			if got.Packets.Dropped < 6 || got.Reason != "" {
				t.Errorf("reverted as %+v", got)
			}
			if _, err := idle.Write([]byte("data")); err != nil || !isTimeout(wasReset(idle)) {
				t.Error("a connection that was idle meanwhile is reset after the revert")
			}
		})
	}
	t.Run("only the peer's data", func(t *testing.T) {
		if _, err := a.try(t, l, "reset", `{"direction":"in"}`); !errors.Is(err, &Error{Code: NoProbe}) || !strings.Contains(err.Error(), "no port is named") {
			t.Errorf("without a port: %v", err)
		}
		for _, greeting := range []string{"hello", ""} {
			to := l.listen(peerAddr+":0", greeting).Addr().String()
			e := a.put(t, l, "reset", `{"direction":"in"}`, func(r *InjectRequest) { r.Probes = []string{to} })
			t.Log(e.Measured.Saw)
			client, server := l.ends(peerAddr)
			client.Write([]byte("x"))
			if server.SetReadDeadline(time.Now().Add(time.Second)); wasReset(server) != nil {
				t.Error("the target's data does not arrive")
			}
			server.Write([]byte("x"))
			if err := wasReset(client); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the peer's data: %v, want a reset", err)
			}
			a.take(t, e.ID)
		}
	})
	t.Run("a port that listens", func(t *testing.T) {
		to := l.listen(peerAddr+":0", "").Addr().String()
		e := a.put(t, l, "reset", `{}`, func(r *InjectRequest) { r.Probes = []string{to} })
		if !strings.Contains(e.Measured.Saw, "a connection to "+to+" was reset") {
			t.Errorf("saw %q", e.Measured.Saw)
		}
		a.take(t, e.ID)
	})
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// Faults that end traffic and those that slow it are on one target, and each goes alone.
func TestCutsStack(t *testing.T) {
	l := newLab(t)
	clean(t, l)
	a := startAgent(t, "")
	late := a.put(t, l, "latency", `{"delay":"30ms"}`)
	hole := a.put(t, l, "black-hole", `{"peer":{"addresses":["10.99.7.3"]}}`, func(r *InjectRequest) { r.Probes = []string{bystanderAddr} })
	far := a.put(t, l, "black-hole", `{"direction":"out","peer":{"addresses":["10.99.9.2"]}}`, func(r *InjectRequest) { r.Probes = []string{farAddr} })
	check := func(delay time.Duration, open ...string) {
		t.Helper()
		got := quickest(l.ping(peerAddr, 15, time.Millisecond, time.Second))
		for try := 0; try < 4 && got > delay+tolerance(); try++ { // a busy machine makes packets late
			got = quickest(l.ping(peerAddr, 15, time.Millisecond, time.Second))
		}
		if got < delay || got > delay+tolerance() {
			t.Errorf("round trip %v, want %v", got, delay)
		}
		for _, to := range []string{bystanderAddr, farAddr} {
			want := 0
			if strings.Contains(strings.Join(open, " "), to) {
				want = 5
			}
			if n := len(l.ping(to, 5, time.Millisecond, 300*time.Millisecond)); n != want {
				t.Errorf("%s answers %d of 5, want %d", to, n, want)
			}
		}
	}
	check(30 * time.Millisecond)
	answered := make(chan int)
	go func() { answered <- len(l.ping(peerAddr, 200, time.Millisecond, 2*time.Second)) }()
	a.take(t, hole.ID)
	if n := <-answered; n != 200 {
		t.Errorf("%d of 200 answered while another fault was reverted", n)
	}
	check(30*time.Millisecond, bystanderAddr)
	a.take(t, late.ID)
	check(0, bystanderAddr)
	if got := a.take(t, far.ID); got.Packets.Dropped < 15 {
		t.Errorf("counted %+v", got.Packets)
	}
	check(0, bystanderAddr, farAddr)
}

// What the dead agent had cut flows again by itself.
func TestCutsOfKilledAgent(t *testing.T) {
	l := newLab(t)
	before := l.snapshot()
	for _, kind := range []string{"black-hole", "reset"} {
		a := startAgent(t, "")
		a.put(t, l, kind, `{}`)
		start := time.Now()
		must(t, a.cmd.Process.Signal(syscall.SIGKILL))
		a.cmd.Wait()
		l.untouched(before, 2*time.Second)
		client, server := l.ends(peerAddr)
		client.Write([]byte("x"))
		if err := wasReset(server); err != nil {
			t.Errorf("%s: data after the agent's death: %v", kind, err)
		}
		t.Logf("%s: as before %v after SIGKILL", kind, time.Since(start).Round(time.Millisecond))
	}
}

func TestSegment(t *testing.T) {
	for _, ends := range [][2]string{{"10.0.0.1:4000", "10.0.0.2:80"}, {"[fd00::1]:4000", "[fd00::2]:80"}} {
		s := segment{from: netip.MustParseAddrPort(ends[0]), to: netip.MustParseAddrPort(ends[1]), seq: 7, ack: 9, flags: flagACK, window: 3, data: 5}
		got, ok := parseSegment(s.packet())
		if !ok || got != s || !got.carriesData() {
			t.Errorf("read back %+v, %v", got, ok)
		}
		toReceiver, toSender := got.resets()
		if toReceiver.seq != 7 || toReceiver.to != s.to || toSender.seq != 9 || toSender.to != s.from || toSender.from != s.to || toSender.carriesData() {
			t.Errorf("resets %+v, %+v", toReceiver, toSender)
		}
	}
	ack := segment{from: netip.MustParseAddrPort("10.0.0.1:1"), to: netip.MustParseAddrPort("10.0.0.2:1"), flags: flagACK}
	syn := ack
	syn.flags, syn.data = flagSYN, 3
	for _, s := range []segment{ack, syn} {
		if got, ok := parseSegment(s.packet()); !ok || got.carriesData() {
			t.Errorf("%+v carries data", got)
		}
	}
	for n := range 60 {
		parseSegment(append(ack.packet(), make([]byte, 20)...)[:n]) // cut off anywhere
	}
}
