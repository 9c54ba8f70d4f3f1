package agent

import (
	"net/netip"

	"faultlab/faults/agent/carrier"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/agent/database"
	"faultlab/faults/agent/dependency"
	"faultlab/faults/agent/disk"
	"faultlab/faults/agent/process"
	"faultlab/faults/agent/trap"
)

// families say who carries which faults. One that does not know a fault answers
// nil; the first that does carries it.
var families = []func(s space, o carrier.Order) (carrier.Carrier, error){
	carryPackets,
	carryCuts,
	carryLookups,
	carryDatabase,
	carryDependency,
	carryProcess,
	carryDisk,
}

func (k *linux) carrier(s space, o carrier.Order) (carrier.Carrier, error) {
	s.(*linuxSpace).keeper = o.Keeper
	for _, carry := range families {
		if c, err := carry(s, o); c != nil || err != nil {
			return c, err
		}
	}
	return nil, errorf(NotSupported, "no back-end carries a fault of kind %q", o.Fault.Kind())
}

// abilities are what the families besides that on packets found of what they need.
var abilities = []func() []carrier.Ability{refusalAbility, dependency.Abilities, cgroup.Abilities, disk.Abilities, trap.Abilities}

func carryDatabase(s space, o carrier.Order) (carrier.Carrier, error) {
	return database.Carry(o, &s.(*linuxSpace).kernel.holds)
}

func carryDependency(s space, o carrier.Order) (carrier.Carrier, error) {
	f, err := s.(*linuxSpace).kernel.proxies.Carry(o)
	if f == nil || err != nil {
		return nil, err
	}
	fixed, names := f.Peers()
	return follows(o.Target, f, names, fixed, func(prefixes []netip.Prefix, _ bool) error { return f.Aim(prefixes) }), nil
}

func carryDisk(s space, o carrier.Order) (carrier.Carrier, error) {
	k := s.(*linuxSpace).kernel
	return disk.Machine{Ledger: &k.ledger, Fills: &k.fills, Child: child}.Carry(o)
}

func carryProcess(s space, o carrier.Order) (carrier.Carrier, error) {
	return process.Machine{Ledger: &s.(*linuxSpace).kernel.ledger, Child: child}.Carry(o)
}
