package agent

import (
	"net/netip"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// cut is how an effect ends traffic, instead of delaying or losing some of it.
type cut string

const (
	cutDrop   cut = "drop"   // vanishes
	cutRefuse cut = "refuse" // refused
	cutReset  cut = "reset"  // TCP connections are reset at their next data
)

// striker resets the connection that a packet with data is of, and tells whether it has.
type striker interface {
	strike(packet []byte, probe bool) bool
}

// cutOf turns a validated fault that ends traffic into its effect; false for others.
func cutOf(id string, f faults.Fault) (e effect, isCut bool, err error) {
	var dir faults.Direction
	var peer faults.Peer
	switch f := f.(type) {
	case faults.BlackHole:
		e.cut, dir, peer = cutDrop, orBoth(f.Direction), f.Peer
	case faults.Partition:
		e.cut, dir, peer = cutDrop, faults.Both, f.Peer
	case faults.Reject:
		e.cut, e.answer, dir, peer = cutRefuse, f.Answer, f.Direction, f.Peer
	case faults.Reset:
		e.cut, dir, peer = cutReset, orBoth(f.Direction), f.Peer
		peer.Protocol = "tcp"
	default:
		return effect{}, false, nil
	}
	if e.answer == "" {
		e.answer = faults.AnswerReset
	}
	e.id = id
	if e.match, err = matchOf(peer); err != nil {
		return effect{}, true, err
	}
	if dir.Sends() {
		e.out = &action{}
	}
	if dir.Receives() {
		e.in = &action{}
	}
	return e, true, nil
}

func orBoth(d faults.Direction) faults.Direction {
	if d == "" {
		return faults.Both
	}
	return d
}

// silences reports whether probes of proto get no answer. A refused SYN gets one.
func (e effect) silences(proto string) bool {
	return e.cut == cutDrop || e.cut == cutRefuse && !(proto == "tcp" && e.answer == faults.AnswerReset)
}

// cutFault carries a fault that ends traffic.
type cutFault struct {
	carrier.Seen
	space     space
	effect    effect
	probes    []string
	apart     bool    // others must still be reachable
	routes    []route // to whom it was proved
	bystander []route
	before    refusalResult // what a probe met without the fault
}

// carryCuts gives the carrier of an order for a fault that ends traffic.
func carryCuts(s space, o carrier.Order) (carrier.Carrier, error) {
	e, isCut, err := cutOf(o.ID, o.Fault)
	if err != nil || !isCut {
		return nil, err
	}
	_, apart := o.Fault.(faults.Partition)
	f := &cutFault{space: s, effect: e, probes: o.Probes, apart: apart}
	return followNames(s, o, f, &f.effect), nil
}

func (f *cutFault) Drop() error { return f.space.uninstall(f.effect.id) }

func (f *cutFault) Packets() carrier.Packets { return f.space.packets(f.effect.id) }

// Notes implements [carrier.Noter].
func (f *cutFault) Notes() []string { return f.space.notes(f.effect.id) }

// inside are the addresses to probe that the effect concerns, or those it does not.
func (f *cutFault) addresses(inside bool) ([]endpoint, error) {
	var list []endpoint
	for _, s := range f.probes {
		p, err := parseProbe(s)
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	switch {
	case !inside:
		list = append(list, f.space.candidates(match{})...)
	case len(list) == 0 || f.apart:
		list = append(list, f.space.candidates(f.effect.match)...)
	}
	var out []endpoint
	seen := map[netip.Addr]bool{}
	who := match{prefixes: f.effect.match.prefixes}
	for _, p := range list {
		if !seen[p.addr] && who.matches(endpoint{addr: p.addr}, "") == inside && !f.space.local(p.addr) {
			seen[p.addr] = true
			out = append(out, p)
		}
	}
	return out[:min(len(out), 16)], nil
}
