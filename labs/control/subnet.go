package control

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/netip"
	"strings"

	"faultlab/faults/engine"
)

// pool is where labs take their subnets from, one /24 each: the engine's own
// default pools run out after about thirty networks.
var pool = netip.MustParsePrefix("10.213.0.0/16")

// candidates gives the pool's subnets in an order of the lab's own, without those
// that overlap one in use.
func candidates(id string, used []netip.Prefix) []netip.Prefix {
	h := fnv.New32a()
	h.Write([]byte(id))
	start := int(h.Sum32() % 256)
	base := pool.Addr().As4()
	var out []netip.Prefix
	for i := range 256 {
		base[2] = byte((start + i) % 256)
		p := netip.PrefixFrom(netip.AddrFrom4(base), 24)
		free := true
		for _, u := range used {
			free = free && !u.Overlaps(p)
		}
		if free {
			out = append(out, p)
		}
	}
	return out
}

// createNetwork makes an internal network with a subnet that is free. Labs that
// start at the same time may choose the same one; the engine lets one of them
// have it and the other takes the next.
func createNetwork(ctx context.Context, e *engine.Engine, id, part string, visible bool) (netip.Prefix, error) {
	nets, err := e.Networks(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	var used []netip.Prefix
	for _, n := range nets {
		used = append(used, n.Subnets...)
	}
	for _, p := range candidates(id+part, used) {
		_, err = e.CreateNetwork(ctx, Name(id, part), p, true, Labels(id, RoleShop, visible))
		if err == nil {
			return p, nil
		}
		if !strings.Contains(err.Error(), "overlap") {
			return netip.Prefix{}, err
		}
	}
	return netip.Prefix{}, fmt.Errorf("no subnet of %s is free: %w", pool, err)
}

// host gives the address with the last number n of a /24.
func host(p netip.Prefix, n byte) netip.Addr {
	a := p.Addr().As4()
	a[3] = n
	return netip.AddrFrom4(a)
}

// prefix3 is the first three numbers of a /24, as compose.yaml wants them.
func prefix3(p netip.Prefix) string {
	s := p.Addr().String()
	return s[:strings.LastIndexByte(s, '.')]
}
