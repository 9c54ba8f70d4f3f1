package control

import (
	"context"
	"fmt"
	"net/netip"

	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/places"
)

// meeting is a container that meets a fault, and towards whom.
type meeting struct {
	site
	far // of an uplink: everybody
}

// meetings says who of all meets a fault: on an uplink whatever runs in its place,
// towards everybody; on a link one end of it, towards the other.
func meetings(f catalog.Fault, all []site, shop netip.Prefix) []meeting {
	var out []meeting
	for _, s := range all {
		if f.Link == "" {
			if s.place == f.Uplink {
				out = append(out, meeting{s, far{peers: []towards{{probe: probes(shop)}}}})
			}
			continue
		}
		for _, x := range farFrom(s, all, shop) {
			if places.Link(s.region, x.region) == f.Link {
				out = append(out, meeting{s, x})
			}
		}
	}
	return out
}

// sites lists the shop's containers that run.
func (c *Control) sites(ctx context.Context) ([]site, error) {
	cs, err := c.eng.List(ctx, label(c.cfg.ID), endpoint.LabelRole+"="+RoleShop)
	if err != nil {
		return nil, fmt.Errorf("look where containers run: %w", err)
	}
	var out []site
	for _, x := range cs {
		addr, _ := netip.ParseAddr(x.Networks[Name(c.cfg.ID, "shop")])
		if place := x.Labels[places.Label]; x.Running() {
			out = append(out, site{x.ID, x.Name, place, places.Region(place), addr, x.StartedAt})
		}
	}
	return out, nil
}
