package faults

import (
	"fmt"
	"net/netip"
	"strings"
)

// checkName refuses what no resolver would take for a host's name.
func checkName(s string) error {
	wrong := func(why string) error {
		return fmt.Errorf("peer name is %.80q, %s; want a host name such as db or db.shop.internal", s, why)
	}
	name := strings.TrimSuffix(s, ".")
	if name == "" || len(name) > 253 {
		return wrong(fmt.Sprintf("%d characters long", len(name)))
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return wrong("an address")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return wrong("with an empty part or one above 63 characters")
		}
		for _, r := range label {
			// Docker takes underscores, which the DNS carries as well.
			if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
				return wrong(fmt.Sprintf("with %q", r))
			}
		}
	}
	return nil
}
