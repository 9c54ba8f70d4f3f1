package engine

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/docker/docker/api/types/network"
)

// Network is one of the engine's networks.
type Network struct {
	ID       string
	Name     string
	Labels   map[string]string
	Subnets  []netip.Prefix
	Internal bool
}

// CreateNetwork makes a bridge network with one IPv4 subnet, and one IPv6 subnet where
// there are two; internal ones have no way out of the machine. Containers that ask for no
// address get one of the subnet's upper half: those of the lower half, but for the first,
// are free to be asked for.
func (e *Engine) CreateNetwork(ctx context.Context, name string, subnets []netip.Prefix, internal bool, labels map[string]string) (string, error) {
	o := network.CreateOptions{Driver: "bridge", Internal: internal, Labels: labels, IPAM: &network.IPAM{}}
	for _, s := range subnets {
		c := network.IPAMConfig{Subnet: s.String(), IPRange: upperHalf(s).String(), Gateway: s.Masked().Addr().Next().String()}
		if s.Addr().Is6() {
			yes := true
			o.EnableIPv6 = &yes
			if internal {
				// An engine before 27 has no rules that keep IPv6 inside. It gives every
				// container a default route, though; this one leads to nobody.
				c.AuxAddress = map[string]string{"DefaultGatewayIPv6": upperHalf(s).Addr().String()}
			}
		}
		o.IPAM.Config = append(o.IPAM.Config, c)
	}
	r, err := e.cli.NetworkCreate(ctx, name, o)
	if err != nil {
		return "", fmt.Errorf("create network %s (%s): %w", name, subnets, err)
	}
	return r.ID, nil
}

// upperHalf gives the upper half of a subnet that is more than one address.
func upperHalf(subnet netip.Prefix) netip.Prefix {
	a := subnet.Masked().Addr().AsSlice()
	a[subnet.Bits()/8] |= 0x80 >> (subnet.Bits() % 8)
	half, _ := netip.AddrFromSlice(a) // it has the length of an address
	return netip.PrefixFrom(half, subnet.Bits()+1)
}

// Networks lists the networks that carry all the labels.
func (e *Engine) Networks(ctx context.Context, labels ...string) ([]Network, error) {
	rs, err := e.cli.NetworkList(ctx, network.ListOptions{Filters: labelFilter(labels)})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	var out []Network
	for _, r := range rs {
		n := Network{ID: r.ID, Name: r.Name, Labels: r.Labels, Internal: r.Internal}
		for _, c := range r.IPAM.Config {
			if p, err := netip.ParsePrefix(c.Subnet); err == nil {
				n.Subnets = append(n.Subnets, p)
			}
		}
		out = append(out, n)
	}
	return out, nil
}

// RemoveNetwork takes a network away; one that does not exist is no error.
func (e *Engine) RemoveNetwork(ctx context.Context, id string) error {
	if err := e.cli.NetworkRemove(ctx, id); err != nil && !IsNotFound(err) {
		return fmt.Errorf("remove network %s: %w", id, err)
	}
	return nil
}

// Disconnect takes a container out of a network, by force where it does not run.
func (e *Engine) Disconnect(ctx context.Context, networkID, id string) error {
	if err := e.cli.NetworkDisconnect(ctx, networkID, id, true); err != nil && !IsNotFound(err) {
		return fmt.Errorf("take container %s out of network %s: %w", id, networkID, err)
	}
	return nil
}
