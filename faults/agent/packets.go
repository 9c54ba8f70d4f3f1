package agent

import (
	"context"
	"errors"
	"time"

	"faultlab/faults/agent/carrier"
)

// packetFault carries a fault on packets: an effect in a space.
type packetFault struct {
	carrier.Seen
	space  space
	effect effect
	probes []string
	route  route

	bare          probeResult // of a train, before the fault
	carriedBefore float64     // by the path, bits per second
}

// carryPackets gives the carrier of an order for a fault on packets.
func carryPackets(s space, o carrier.Order) (carrier.Carrier, error) {
	e, err := effectOf(o.ID, o.Fault, o.Seed)
	if errors.Is(err, errNotPackets) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &packetFault{space: s, effect: e, probes: o.Probes}
	return followNames(s, o, f, &f.effect), nil
}

func (f *packetFault) Place(ctx context.Context) (carrier.Placed, error) {
	var before time.Duration
	var err error
	if f.route, before, err = findRoute(ctx, f.space, f.effect, f.probes); err != nil {
		return carrier.Placed{}, err
	}
	if f.effect.either().trained() {
		return f.placeTrained(ctx)
	}
	backend, err := f.space.install(f.effect)
	if err != nil {
		return carrier.Placed{}, err
	}
	f.effect.kernel = backend == "netem"
	m, err := proveActive(ctx, f.space, f.effect, f.route, before)
	if err != nil {
		return carrier.Placed{}, err
	}
	p := carrier.Placed{Backend: backend, Measured: m}
	for _, e := range f.space.effects() {
		if e.id == f.effect.id {
			p.Seed = e.seed
		}
	}
	return p, nil
}

func (f *packetFault) Take(ctx context.Context) error {
	if err := f.space.uninstall(f.effect.id); err != nil {
		return err
	}
	if f.effect.either().trained() {
		return f.takenTrained(ctx)
	}
	m, err := proveGone(ctx, f.space, f.effect, f.route)
	f.See(m)
	return err
}

func (f *packetFault) Drop() error { return f.space.uninstall(f.effect.id) }

func (f *packetFault) Packets() carrier.Packets { return f.space.packets(f.effect.id) }
