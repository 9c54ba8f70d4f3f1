package dependency

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/netspace"
)

// Abilities says whether nftables hands connections to a proxy, in front of a port and
// in front of what is called, by setting such rules in an empty network namespace.
func Abilities() []carrier.Ability {
	ways := []struct {
		side       faults.Side
		name, with string
	}{
		{faults.Called, "proxy of what is called", "dependency-* and http-error"},
		{faults.Calling, "proxy of what it calls", "dependency-* and http-error with side=calling"},
	}
	out := make([]carrier.Ability, len(ways))
	var wg sync.WaitGroup
	for i, way := range ways { // at once: the kernel takes its time over each
		wg.Go(func() {
			a := carrier.Ability{Name: way.name, OK: true, Detail: "nftables hands it connections, for " + way.with}
			if err := netspace.Empty(func() error { return try(way.side) }); err != nil {
				a.OK, a.Detail = false, fmt.Sprintf("%v; %s cannot be used", err, way.with)
				var e *carrier.Error
				if errors.As(err, &e) {
					a.Remedy = e.Remedy
				}
			}
			out[i] = a
		})
	}
	wg.Wait()
	return out
}

// try sets the rules in this thread's network, of which nothing else is.
func try(side faults.Side) error {
	const port = 9
	r, err := openRules(side, port, []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)})
	if err != nil {
		return err
	}
	return errors.Join(r.steer(nil), r.close())
}
