package agent

import (
	"faultlab/faults/agent/carrier"
)

// families say who carries which faults. One that does not know a fault answers
// nil; the first that does carries it.
var families = []func(s space, o carrier.Order) (carrier.Carrier, error){
	carryPackets,
	carryDependency,
}

func (k *linux) carrier(s space, o carrier.Order) (carrier.Carrier, error) {
	for _, carry := range families {
		if c, err := carry(s, o); c != nil || err != nil {
			return c, err
		}
	}
	return nil, errorf(NotSupported, "no back-end carries a fault of kind %q", o.Fault.Kind())
}

func carryDependency(s space, o carrier.Order) (carrier.Carrier, error) {
	return s.(*linuxSpace).kernel.proxies.Carry(o)
}
