package control

import (
	"net/netip"
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
	users    bool // it answers users, whom the edge sends from any region
	addr     netip.Addr
	started  time.Time
}

// far is what is a region away from a site.
type far struct {
	region string
	peers  []netip.Prefix
	probe  []string // addresses among them that answer
}

// latency delays what arrives at the site: one end has the whole round trip, because
// every packet that waits costs. What leaves would wait as a copy; see faults.Latency.
func (f far) latency(from string) faults.Latency {
	return faults.Latency{Delay: places.RTT(from, f.region), Direction: faults.In, Peer: faults.Peer{Addresses: f.addresses()}}
}

func (f far) addresses() []string {
	var out []string
	for _, p := range f.peers {
		out = append(out, p.String())
	}
	return out
}

func (f far) equal(g far) bool { return f.region == g.region && slices.Equal(f.peers, g.peers) }

// farFrom says what is how far from a site, each pair of ends at one of the two: that of
// the region that comes later. Home is whatever is nowhere else. The edge is in all
// regions at once, at an address in each, so that the distance to it is kept at the
// other end, where it answers users: nothing else is called from the edge's other addresses.
func farFrom(s site, all []site, shop netip.Prefix) []far {
	own := slices.Index(places.Regions, s.region)
	if own < 0 || !s.addr.IsValid() || s.addr == entry(shop, places.Home) {
		return nil
	}
	var out []far
	for i, region := range places.Regions {
		f := far{region: region}
		switch {
		case i == own || own == 0 && !s.users:
			continue
		case i == 0:
			f.peers, f.probe = except(shop, elsewhere(all, shop)), probes(shop)
		default:
			f.peers, f.probe = []netip.Prefix{single(entry(shop, region))}, []string{entry(shop, region).String()}
			for _, o := range all {
				if o.region == region && i < own && o.addr.IsValid() {
					f.peers = append(f.peers, single(o.addr))
				}
			}
		}
		slices.SortFunc(f.peers, netip.Prefix.Compare)
		out = append(out, f)
	}
	return out
}

// elsewhere are the addresses that are not at home: what is placed in other regions, and
// what is as near to all of them.
func elsewhere(all []site, shop netip.Prefix) []netip.Addr {
	out := []netip.Addr{host(shop, collectorHost)}
	for _, region := range places.Regions[1:] {
		out = append(out, entry(shop, region))
	}
	for _, s := range all {
		if s.region != places.Home && s.region != "" && s.addr.IsValid() {
			out = append(out, s.addr)
		}
	}
	return out
}

// entry is the edge's address in a region.
func entry(shop netip.Prefix, region string) netip.Addr { return host(shop, places.Entry(region)) }

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

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
