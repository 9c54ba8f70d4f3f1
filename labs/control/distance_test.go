package control

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"faultlab/labs/places"
)

var shopNet = netip.MustParsePrefix("10.213.7.0/24")

func at(id, region string, n byte) site {
	return site{id: id, place: region + "-a", region: region, users: strings.HasPrefix(id, "web"), addr: host(shopNet, n)}
}

var shopSites = []site{
	at("edge", "us", 10), at("db", "us", 20), at("dns", "us", 53), at("web-us-a", "us", 129), at("catalog-a", "us", 130),
	at("web-eu", "eu", 131), at("web-ap", "ap", 132), at("web-eu-2", "eu", 133), at("elsewhere", "", 134),
}

// Between any two addresses lies the distance of their regions, kept at one end only.
func TestDistances(t *testing.T) {
	for _, a := range shopSites {
		for _, b := range append(slices.Clone(shopSites), at("edge in eu", "eu", 11), at("edge in ap", "ap", 12)) {
			if a.addr == b.addr || b.addr == a.addr {
				continue
			}
			got, want := between(a, b), places.RTT(a.region, b.region)
			if b.addr == host(shopNet, 11) || b.addr == host(shopNet, 12) {
				if a.id == "edge" || a.region == "us" && !a.users {
					want = 0 // nobody there is asked from those addresses
				}
			}
			if a.region == "" || b.region == "" {
				continue
			}
			if len(got) > 1 || len(got) == 1 && got[0] != want.String() || len(got) == 0 && want != 0 {
				t.Errorf("between %s and %s: %v; want %v", a.id, b.id, got, want)
			}
		}
	}
}

// between says which delays packets between two sites meet, at whichever end.
func between(a, b site) []string {
	var out []string
	for _, ends := range [][2]site{{a, b}, {b, a}} {
		for _, f := range farFrom(ends[0], shopSites, shopNet) {
			if slices.ContainsFunc(f.peers, func(p netip.Prefix) bool { return p.Contains(ends[1].addr) }) && slices.ContainsFunc(shopSites, func(s site) bool { return s.addr == ends[0].addr }) {
				out = append(out, f.latency(ends[0].region).Delay.String())
			}
		}
	}
	return out
}

// What is as near to all, and what has no place, is far from nobody.
func TestNear(t *testing.T) {
	for _, s := range shopSites {
		for _, f := range farFrom(s, shopSites, shopNet) {
			if slices.ContainsFunc(f.peers, func(p netip.Prefix) bool { return p.Contains(host(shopNet, collectorHost)) }) {
				t.Errorf("%s is far from the collector", s.id)
			}
			for _, p := range f.probe {
				if !slices.ContainsFunc(f.peers, func(x netip.Prefix) bool { return x.Contains(netip.MustParseAddr(p)) }) {
					t.Errorf("%s measures %s against %s, which is none of %v", s.id, f.region, p, f.peers)
				}
			}
			if err := f.latency(s.region).Validate(); err != nil {
				t.Errorf("%s, %s: %v", s.id, f.region, err)
			}
		}
		if s.region == "" && farFrom(s, shopSites, shopNet) != nil {
			t.Errorf("%s has no place and is far from something", s.id)
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
		if want := 1; (n == 11 || n == 200) == (held == want) || held > 1 {
			t.Errorf("%d is held by %d of %v", n, held, out)
		}
	}
	if got := fmt.Sprint(except(netip.MustParsePrefix("10.0.0.1/32"), []netip.Addr{netip.MustParseAddr("10.0.0.1")})); got != "[]" {
		t.Errorf("an address without itself: %s", got)
	}
}
