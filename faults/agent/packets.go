package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	notes         []string
}

// carryPackets gives the carrier of an order for a fault on packets.
func carryPackets(s space, o carrier.Order) (carrier.Carrier, error) {
	e, err := effectOf(o.ID, o.Fault, 0)
	if e.seed == 0 { // it has none of its own
		e.seed, e.spare = o.Seed, o.SeedOptional
	}
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
	backend, err := f.install()
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

// install puts the effect in place and notes that a seed is not used.
func (f *packetFault) install() (backend string, err error) {
	backend, err = f.space.install(f.effect)
	if err == nil && backend == "netem" && f.effect.seed != 0 && f.effect.random() {
		f.notes = []string{fmt.Sprintf("%s the seed %d is not used: netem carries the fault here and cannot repeat its choices", time.Now().UTC().Format(time.RFC3339), f.effect.seed)}
	}
	return backend, err
}

// Notes implements [carrier.Noter].
func (f *packetFault) Notes() []string {
	return append(slices.Clone(f.notes), f.space.notes(f.effect.id)...)
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
