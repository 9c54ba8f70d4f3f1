package agent

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

func TestPeers(t *testing.T) {
	backends(t, func(t *testing.T, backend string) {
		l := newLab(t)
		clean(t, l)
		a := startAgent(t, backend)
		z := &zone{names: map[string][]netip.Addr{}}
		z.set("db", peerAddr)
		l.serveZone(z, peerAddr)
		const delay = 30 * time.Millisecond
		rows := []struct {
			peer      string
			probe     string
			icmp, tcp bool // the peer's traffic is delayed
			udp       bool
			bystander bool
			far       bool
		}{
			{`{"addresses":["10.99.7.2"]}`, peerAddr, true, true, true, false, false},
			{`{"addresses":["10.99.7.2/31"]}`, peerAddr, true, true, true, true, false},
			{`{"addresses":["10.99.0.0/16"]}`, peerAddr, true, true, true, true, true},
			{`{"addresses":["10.99.9.0/24","10.99.7.3"]}`, farAddr, false, false, false, true, true},
			{`{"addresses":["10.99.7.2"],"protocol":"tcp"}`, peerAddr, false, true, false, false, false},
			{`{"addresses":["10.99.7.2"],"protocol":"udp"}`, peerAddr, false, false, true, false, false},
			{`{"protocol":"udp","port":53}`, peerAddr, false, false, true, false, false},
			{`{"addresses":["10.99.7.2"],"protocol":"icmp"}`, peerAddr, true, false, false, false, false},
			{`{"addresses":["10.99.7.2"],"port":5432}`, peerAddr, false, false, false, false, false},
			{`{}`, "", true, true, true, true, true},
		}
		for i := range 2 * len(rows) {
			tt := rows[i/2]
			dir := []string{"out", "in"}[i%2]
			t.Run(dir+tt.peer, func(t *testing.T) {
				e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"30ms","direction":%q,"peer":%s}`, dir, tt.peer), func(r *InjectRequest) {
					r.Probes = nil
					if tt.probe != "" {
						r.Probes = []string{targetAddr, tt.probe} // its own address proves nothing and is left out
					}
				})
				var udp []time.Duration
				for range 3 {
					_, took, err := l.lookUp(peerAddr+":53", "ip4", "db", time.Second)
					must(t, err)
					udp = append(udp, took)
				}
				for _, c := range []struct {
					what string
					rtts []time.Duration
					want bool
				}{
					{"ICMP", l.ping(peerAddr, 7, time.Millisecond, time.Second), tt.icmp},
					{"TCP", l.connects(peerAddr, 3), tt.tcp},
					{"UDP", udp, tt.udp},
					{"bystander", l.ping(bystanderAddr, 7, time.Millisecond, time.Second), tt.bystander},
					{"far peer", l.ping(farAddr, 7, time.Millisecond, time.Second), tt.far},
					{"loopback", l.ping(targetAddr, 7, time.Millisecond, time.Second), false},
				} {
					// None can be quicker than its delay; a machine that stalls makes others late.
					if got := quickest(c.rtts) >= delay; got != c.want {
						t.Errorf("%s: round trips %v, delayed want %v", c.what, c.rtts, c.want)
					}
				}
				if e.Measured.Address == "" {
					t.Error("no address measured")
				}
				a.take(t, e.ID)
			})
		}
		for _, dir := range []string{"out", "in"} {
			t.Run("ipv6 "+dir, func(t *testing.T) {
				e := a.put(t, l, "latency", fmt.Sprintf(`{"delay":"30ms","direction":%q,"peer":{"addresses":["fd99:7::/64"]}}`, dir), func(r *InjectRequest) { r.Probes = []string{peer6Addr} })
				if got := quickest(l.ping(peerAddr, 7, time.Millisecond, time.Second)); got > delay {
					t.Errorf("IPv4 takes %v", got)
				}
				a.take(t, e.ID)
				e = a.put(t, l, "latency", fmt.Sprintf(`{"delay":"30ms","direction":%q,"peer":{"addresses":["fd99:7::2"],"protocol":"tcp","port":80}}`, dir), func(r *InjectRequest) { r.Probes = nil })
				if e.Measured.Method != methodSYN {
					t.Errorf("measured by %s", e.Measured.Method)
				}
				if got := quickest(l.connects(peer6Addr, 3)); got > delay {
					t.Errorf("another port takes %v", got)
				}
				a.take(t, e.ID)
			})
		}
	})
}
