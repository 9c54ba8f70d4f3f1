package control

import (
	"net/netip"
	"reflect"
	"slices"
	"time"

	"faultlab/faults"
	"faultlab/labs/places"
)

// site is a container of the shop as far as distances go.
type site struct {
	id, name string
	place    string
	region   string
	addr     netip.Addr // not valid: it is in another network only
	started  time.Time
}

// far is what is a region away from a site.
type far struct {
	region string
	peers  []towards
}

// towards is a part of it, and addresses there that answer.
type towards struct {
	peer  faults.Peer
	probe []string
}

func (f far) equal(g far) bool { return reflect.DeepEqual(f, g) }

// latency delays what a site sends to part of what is far. One end has the whole round
// trip, and only packets that somebody waits for, because every packet that waits
// costs. It is what leaves: ping and tcpdump see what arrives before it would wait.
func (f far) latency(from string, p towards) faults.Latency {
	return faults.Latency{Delay: places.RTT(from, f.region), Direction: faults.Out, Thrifty: true, Peer: p.peer}
}

// inside are the ports by which regions use the edge: catalog and checkout are behind
// it, at home.
var inside = []int{8081, 8082}

// farFrom says what is far from a site. Of two sites that of the region which comes later
// keeps them apart. Home is whatever is nowhere else. The edge takes users in where they
// are, so it is near everybody, and far for what is asked of its inside.
func farFrom(s site, all []site, shop netip.Prefix) []far {
	own := slices.Index(places.Regions, s.region)
	edge := host(shop, edgeHost)
	if own <= 0 || !s.addr.IsValid() || s.addr == edge {
		return nil
	}
	var out []far
	for _, region := range places.Regions[:own] {
		f := far{region: region}
		if region == places.Home {
			f.peers = append(f.peers, towards{faults.Peer{Addresses: texts(except(shop, elsewhere(all, shop)))}, probes(shop)},
				towards{faults.Peer{Addresses: []string{edge.String()}, Protocol: "icmp"}, []string{edge.String()}})
			for _, port := range inside {
				f.peers = append(f.peers, towards{faults.Peer{Addresses: []string{edge.String()}, Port: port}, []string{edge.String()}})
			}
		} else if there := within(region, all); len(there) > 0 {
			f.peers = append(f.peers, towards{faults.Peer{Addresses: there}, there})
		}
		if len(f.peers) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// elsewhere are the addresses that are not at home, or as near to all regions.
func elsewhere(all []site, shop netip.Prefix) []netip.Addr {
	out := []netip.Addr{host(shop, edgeHost), host(shop, collectorHost)}
	for _, s := range all {
		if s.region != places.Home && s.region != "" && s.addr.IsValid() {
			out = append(out, s.addr)
		}
	}
	return out
}

// within are the addresses of a region.
func within(region string, all []site) []string {
	var out []string
	for _, s := range all {
		if s.region == region && s.addr.IsValid() && len(out) < maxWithin {
			out = append(out, s.addr.String())
		}
	}
	slices.Sort(out)
	return out
}

// maxWithin is how many addresses a peer may have.
const maxWithin = 64

// except gives the parts of a prefix that hold none of the addresses.
func except(p netip.Prefix, without []netip.Addr) []netip.Prefix {
	switch {
	case !slices.ContainsFunc(without, p.Contains):
		return []netip.Prefix{p}
	case p.IsSingleIP():
		return nil
	}
	low, high := netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(middle(p), p.Bits()+1)
	return append(except(low, without), except(high, without)...)
}

// middle is the first address of the upper half of an IPv4 prefix of up to 31 bits.
func middle(p netip.Prefix) netip.Addr {
	a := p.Masked().Addr().As4()
	a[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	return netip.AddrFrom4(a)
}

func texts(ps []netip.Prefix) []string {
	var out []string
	for _, p := range ps {
		out = append(out, p.String())
	}
	return out
}
