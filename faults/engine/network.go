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

// CreateNetwork makes a bridge network with one IPv4 subnet; internal ones have
// no way out of the machine. Containers that ask for no address get one of the subnet's
// upper half: those of the lower half, but for the first, are free to be asked for.
func (e *Engine) CreateNetwork(ctx context.Context, name string, subnet netip.Prefix, internal bool, labels map[string]string) (string, error) {
	r, err := e.cli.NetworkCreate(ctx, name, network.CreateOptions{
		Driver: "bridge", Internal: internal, Labels: labels,
		IPAM: &network.IPAM{Config: []network.IPAMConfig{{
			Subnet: subnet.String(), IPRange: upperHalf(subnet).String(), Gateway: subnet.Masked().Addr().Next().String(),
		}}},
	})
	if err != nil {
		return "", fmt.Errorf("create network %s (%s): %w", name, subnet, err)
	}
	return r.ID, nil
}

// upperHalf gives the upper half of an IPv4 subnet of up to 31 bits.
func upperHalf(subnet netip.Prefix) netip.Prefix {
	a := subnet.Masked().Addr().As4()
	a[subnet.Bits()/8] |= 0x80 >> (subnet.Bits() % 8)
	return netip.PrefixFrom(netip.AddrFrom4(a), subnet.Bits()+1)
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

// Connect puts a container into a network, at an address there.
func (e *Engine) Connect(ctx context.Context, networkID, id string, at netip.Addr) error {
	end := &network.EndpointSettings{IPAMConfig: &network.EndpointIPAMConfig{IPv4Address: at.String()}}
	if err := e.cli.NetworkConnect(ctx, networkID, id, end); err != nil {
		return fmt.Errorf("put container %s into network %s at %s: %w", id, networkID, at, err)
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
