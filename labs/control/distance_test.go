package control

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"faultlab/faults"
	"faultlab/labs/places"
)

var shopNet = netip.MustParsePrefix("10.213.7.0/24")

func at(id, region string, n byte) site {
	return site{id: id, place: region + "-a", region: region, addr: host(shopNet, n)}
}

var shopSites = []site{
	at("edge", "us", edgeHost), at("db", "us", 20), at("dns", "us", 53), at("web-us-a", "us", 129), at("catalog-a", "us", 130),
	at("web-eu", "eu", 131), at("web-ap", "ap", 132), at("web-eu-2", "eu", 133), at("elsewhere", "", 134),
	{id: "nowhere", place: "eu-a", region: "eu"},
}

// delays says which delays packets meet on their way from one address to another's
// container and back, at either end.
func delays(a, b site, packet func(faults.Peer) bool) []string {
	var out []string
	for _, ends := range [][2]site{{a, b}, {b, a}} {
		for _, f := range farFrom(ends[0], shopSites, shopNet) {
			for _, p := range f.peers {
				pre, err := p.peer.Prefixes()
				if err == nil && packet(p.peer) && slices.ContainsFunc(pre, func(x netip.Prefix) bool { return x.Contains(ends[1].addr) }) {
					out = append(out, f.latency(ends[0].region, p).Delay.String())
				}
			}
		}
	}
	return out
}

func ping(p faults.Peer) bool { return p.Port == 0 && (p.Protocol == "" || p.Protocol == "icmp") }

func tcp(port int) func(faults.Peer) bool {
	return func(p faults.Peer) bool { return p.Protocol == "" && (p.Port == 0 || p.Port == port) }
}

// Between any two containers lies the distance of their regions, once.
func TestDistances(t *testing.T) {
	for _, a := range shopSites {
		for _, b := range shopSites {
			want := "[]"
			if d := places.RTT(a.region, b.region); a.region != "" && b.region != "" && a.addr.IsValid() && b.addr.IsValid() && d > 0 {
				want = fmt.Sprint([]string{d.String()})
			}
			if a.region == "" && b.region != "us" && b.addr.IsValid() || b.region == "" && a.region != "us" && a.addr.IsValid() {
				continue // what has no place is wherever home is, or nowhere
			}
			if got := fmt.Sprint(delays(a, b, ping)); got != want {
				t.Errorf("between %s and %s: %s; want %s", a.id, b.id, got, want)
			}
		}
	}
	edge, eu, ap, us := shopSites[0], shopSites[5], shopSites[6], shopSites[3]
	for _, tt := range []struct {
		who  site
		port int
		want string
	}{{eu, 8081, "[80ms]"}, {eu, 8082, "[80ms]"}, {eu, 45678, "[]"}, {ap, 8081, "[150ms]"}, {ap, 45678, "[]"}, {us, 8081, "[]"}} {
		if got := fmt.Sprint(delays(tt.who, edge, tcp(tt.port))); got != tt.want {
			t.Errorf("between %s and port %d of the edge: %s; want %s", tt.who.id, tt.port, got, tt.want)
		}
	}
}

// What is far can be measured, and the collector is as near to all.
func TestFar(t *testing.T) {
	for _, s := range shopSites {
		if got := delays(s, at("collector", "", collectorHost), ping); len(got) > 0 {
			t.Errorf("%s is %v from the collector", s.id, got)
		}
		for _, f := range farFrom(s, shopSites, shopNet) {
			for _, p := range f.peers {
				if err := f.latency(s.region, p).Validate(); err != nil {
					t.Errorf("%s, %s: %v", s.id, f.region, err)
				}
				pre, _ := p.peer.Prefixes()
				if !slices.ContainsFunc(pre, func(x netip.Prefix) bool { return x.Contains(netip.MustParseAddr(p.probe[0])) }) {
					t.Errorf("%s measures %s against %s, which is none of %v", s.id, f.region, p.probe, pre)
				}
			}
		}
	}
}

func TestExcept(t *testing.T) {
	out := except(shopNet, []netip.Addr{host(shopNet, 11), host(shopNet, 200), netip.MustParseAddr("10.0.0.1")})
	for n := range 256 {
		held := 0
		for _, p := range out {
			if p.Contains(host(shopNet, byte(n))) {
				held++
			}
		}
		if out := n == 11 || n == 200; out && held != 0 || !out && held != 1 {
			t.Errorf("%d is held by %d", n, held)
		}
	}
	if got := except(netip.MustParsePrefix("10.0.0.1/32"), []netip.Addr{netip.MustParseAddr("10.0.0.1")}); got != nil {
		t.Errorf("an address without itself: %v", got)
	}
}
