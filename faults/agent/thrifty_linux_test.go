package agent

import (
	"io"
	"net"
	"testing"
	"time"
)

// A thrifty delay is met by connections and requests, and not by what only acknowledges,
// also where another fault has all packets handed over.
func TestThriftyDelay(t *testing.T) {
	l := newLab(t)
	clean(t, l)
	a := startAgent(t, "queue")
	const delay, bytes = 50 * time.Millisecond, 8 << 20
	hits := map[string]uint64{}
	for _, tt := range []struct {
		name, params string
		beside       bool
	}{
		{"all packets", `{"delay":"50ms"}`, false},
		{"thrifty", `{"delay":"50ms","thrifty":true}`, false},
		{"thrifty, to a peer", `{"delay":"50ms","thrifty":true,"peer":{"addresses":["` + peerAddr + `"]}}`, false},
		{"thrifty, of TCP", `{"delay":"50ms","thrifty":true,"peer":{"protocol":"tcp"}}`, false},
		{"thrifty, beside another", `{"delay":"50ms","thrifty":true}`, true},
	} {
		if tt.beside {
			beside := a.put(t, l, "latency", `{"delay":"1ms"}`)
			defer a.take(t, beside.ID)
		}
		e := a.put(t, l, "latency", tt.params)
		if got := quickest(l.connects(peerAddr, 5)); got < delay {
			t.Errorf("%s: connected after %v; want %v", tt.name, got, delay)
		}
		ln := l.listen(net.JoinHostPort(peerAddr, "0"), "")
		var c net.Conn
		must(t, inNamespace(l.target, func() (err error) {
			c, err = net.DialTimeout("tcp", ln.Addr().String(), 5*time.Second)
			return err
		}))
		for _, n := range []int{1, 4000} {
			start := time.Now()
			c.SetDeadline(start.Add(5 * time.Second))
			_, err := c.Write(make([]byte, n))
			must(t, err)
			if _, err := io.ReadFull(c, make([]byte, n)); err != nil || time.Since(start) < delay {
				t.Errorf("%s: %d bytes were answered after %v (%v); want %v", tt.name, n, time.Since(start), err, delay)
			}
		}
		c.Close()
		l.transferTo(peerAddr, bytes, l.peer)
		hits[tt.name] = a.take(t, e.ID).Packets.Delayed
		t.Logf("%s: %d packets were delayed", tt.name, hits[tt.name])
	}
	for name, n := range hits {
		if all := hits["all packets"]; name != "all packets" && n > all/2 {
			t.Errorf("%s: %d packets were delayed; want far fewer than all %d", name, n, all)
		}
	}
}
