package control

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"

	"faultlab/faults/engine"
)

// pool is where labs take their subnets from, one /24 each: the engine's own
// default pools run out after about thirty networks.
var pool = netip.MustParsePrefix("10.213.0.0/16")

// pool6 is where they take IPv6 subnets from: a /64 goes with each /24. It is of local
// addresses (RFC 4193), its prefix drawn by lot as those are to be.
var pool6 = netip.MustParsePrefix("fd25:bf62:799e::/48")

// beside is the IPv6 subnet that goes with an IPv4 subnet of the pool.
func beside(p netip.Prefix) netip.Prefix {
	a := pool6.Addr().As16()
	a[7] = p.Addr().As4()[2]
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

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

// createNetwork makes an internal network with a subnet that is free, and, for six, with
// the IPv6 subnet beside it. Labs that start at the same time may choose the same one; the
// engine lets one of them have it and the other takes the next.
func createNetwork(ctx context.Context, e *engine.Engine, id, part string, six bool) (netip.Prefix, error) {
	nets, err := e.Networks(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	var used []netip.Prefix
	for _, n := range nets {
		used = append(used, n.Subnets...)
	}
	for _, p := range candidates(id+part, used) {
		subnets := []netip.Prefix{p}
		if six {
			if slices.ContainsFunc(used, beside(p).Overlaps) {
				continue
			}
			subnets = append(subnets, beside(p))
		}
		_, err = e.CreateNetwork(ctx, Name(id, part), subnets, true, Labels(id, RoleShop, true))
		if err == nil {
			return p, nil
		}
		if !strings.Contains(err.Error(), "overlap") {
			return netip.Prefix{}, err
		}
	}
	return netip.Prefix{}, errors.Join(fmt.Errorf("no subnet of %s is free", pool), err)
}

// host gives the address with the last number n of a /24.
func host(p netip.Prefix, n byte) netip.Addr {
	a := p.Addr().As4()
	a[3] = n
	return netip.AddrFrom4(a)
}

// host6 gives the address of a /64 whose last digits are those of n: ::10 where host gives
// .10. There is none where p is none.
func host6(p netip.Prefix, n byte) netip.Addr {
	if !p.IsValid() {
		return netip.Addr{}
	}
	return netip.MustParseAddr(fmt.Sprintf("%s::%d", prefix6(p), n))
}

// prefix6 is the first half of a /64, as compose.yaml wants it; "" for none.
func prefix6(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return strings.TrimSuffix(p.Addr().String(), "::")
}

// prefix3 is the first three numbers of a /24, as compose.yaml wants them.
func prefix3(p netip.Prefix) string {
	s := p.Addr().String()
	return s[:strings.LastIndexByte(s, '.')]
}
