package faults

import (
	"fmt"
	"net/netip"
)

// maxAnswers keeps an answer within one small datagram.
const maxAnswers = 8

// DNSAddress has lookups of addresses answered with wrong ones.
//
// What a trainee sees: callers time out or reach somebody else's service, with a
// certificate or a page that does not fit, while dig from another machine is right. The
// usual wrong diagnosis is that the service itself is broken.
type DNSAddress struct {
	Lookups
	// Addresses are the answer, 1 to 8: the IPv4 ones to a query of type A, the IPv6 ones
	// to AAAA; no address of that version, an answer without any. Other types of queries
	// are left alone. Over TCP the connection is reset instead.
	Addresses []string `json:"addresses"`
}

// Kind is "dns-address".
func (DNSAddress) Kind() string { return "dns-address" }

// Parsed gives the addresses.
func (d DNSAddress) Parsed() ([]netip.Addr, error) {
	var out []netip.Addr
	for _, s := range d.Addresses {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return nil, fmt.Errorf("address is %.60q; want an IPv4 or IPv6 address", s)
		}
		out = append(out, a.Unmap())
	}
	return out, nil
}

// Validate reports the first parameter that is out of its range.
func (d DNSAddress) Validate() error {
	if n := len(d.Addresses); n < 1 || n > maxAnswers {
		return fmt.Errorf("there are %d addresses; want 1 to %d", n, maxAnswers)
	}
	if _, err := d.Parsed(); err != nil {
		return err
	}
	if t := d.Type; t != "" && t != "A" && t != "AAAA" && t != "a" && t != "aaaa" {
		return fmt.Errorf("type is %.20q; want A, AAAA or none", t)
	}
	return d.Lookups.validate()
}
