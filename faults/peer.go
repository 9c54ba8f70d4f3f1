package faults

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxAddresses bounds a peer's list; each entry becomes at least one kernel rule.
const maxAddresses = 64

// Peer chooses the traffic a network fault concerns by who is at the other
// end. The zero Peer is everything except loopback, which no fault touches.
type Peer struct {
	// Addresses are IPv4 or IPv6 addresses or CIDR prefixes; none means any. At most 64.
	Addresses []string `json:"addresses,omitempty"`
	// Port is the peer's port, 1 to 65535; 0 means any.
	Port int `json:"port,omitempty"`
	// Protocol is tcp, udp or icmp (both versions); empty means any. With a
	// Port it means tcp and udp. What is on udp alone can be proved only where
	// somebody concerned answers DNS queries at port 53.
	Protocol string `json:"protocol,omitempty"`
	// Names are host names as the target resolves them, such as db or db.shop.internal:
	// all their addresses, IPv4 and IPv6, followed when they change. With Addresses at
	// most 64.
	Names []string `json:"names,omitempty"`
	// LocalPort is the target's own port, 1 to 65535, such as the one it serves on; 0
	// means any. With a LocalPort the traffic is TCP, and the peer's port is any.
	LocalPort int `json:"local_port,omitempty"`
}

// IsZero reports whether the peer is everything.
func (p Peer) IsZero() bool {
	return len(p.Addresses) == 0 && len(p.Names) == 0 && p.Port == 0 && p.LocalPort == 0 && p.Protocol == ""
}

// Prefixes gives the addresses in masked form; a single address is a prefix
// of full length. IPv4 written as IPv6 is taken as IPv4.
func (p Peer) Prefixes() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range p.Addresses {
		pre, err := parsePrefix(s)
		if err != nil {
			return nil, err
		}
		out = append(out, pre)
	}
	return out, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	wrong := func() error {
		return fmt.Errorf("peer address is %q; want an IP address or a CIDR prefix such as 10.0.0.0/24", s)
	}
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, wrong()
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	pre, err := netip.ParsePrefix(s)
	if err != nil || pre.Addr().Is4In6() {
		return netip.Prefix{}, wrong()
	}
	return pre.Masked(), nil
}

func (p Peer) validate() error {
	if n := len(p.Addresses) + len(p.Names); n > maxAddresses {
		return fmt.Errorf("peer has %d addresses and names; want at most %d", n, maxAddresses)
	}
	for _, n := range p.Names {
		if err := checkName(n); err != nil {
			return err
		}
	}
	pres, err := p.Prefixes()
	if err != nil {
		return err
	}
	for i, pre := range pres {
		if pre.Addr().IsLoopback() {
			return fmt.Errorf("peer address is %q; want none of loopback, which faults never touch", p.Addresses[i])
		}
	}
	if p.Port < 0 || p.Port > 65535 {
		return fmt.Errorf("peer port is %d; want 1 to 65535, or 0 for any", p.Port)
	}
	if p.LocalPort < 0 || p.LocalPort > 65535 {
		return fmt.Errorf("peer local_port is %d; want 1 to 65535, or 0 for any", p.LocalPort)
	}
	switch {
	case p.LocalPort == 0:
	case p.Port != 0:
		return fmt.Errorf("peer local_port is %d with port %d; want one of the two", p.LocalPort, p.Port)
	case p.Protocol != "" && p.Protocol != "tcp":
		return fmt.Errorf("peer local_port is %d with protocol %.20q; want tcp or none: only TCP can be proved there", p.LocalPort, p.Protocol)
	}
	switch p.Protocol {
	case "", "tcp", "udp":
	case "icmp":
		if p.Port != 0 {
			return fmt.Errorf("peer port is %d with protocol icmp; want 0, icmp has no ports", p.Port)
		}
	default:
		return fmt.Errorf("peer protocol is %q; want tcp, udp, icmp or none", p.Protocol)
	}
	return nil
}

// errUnseen refuses what could not be proved: nobody sends data to a port of the
// target's, or connects to it, because a prober asks.
func errUnseen(p Peer) error {
	return fmt.Errorf("peer local_port is %d with direction in; want out or both: what only arrives cannot be proved", p.LocalPort)
}
