package agent

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"faultlab/faults"
)

// effect is a fault as the packets meet it.
type effect struct {
	id    string
	match match
	out   *action // nil: this direction is left alone
	in    *action
	seed  uint64 // 0: none asked for
	spare bool   // the seed may be done without

	thrifty bool // TCP's bare acknowledgements pass at once

	tag    byte // of the trains that prove an order or a link; see [header]
	kernel bool // netem carries it
	bucket int  // bytes that netem lets go at once before it limits a rate

	cut    cut           // how traffic is ended; empty: it is not
	answer faults.Answer // of a refusal
}

// action is what happens to one packet.
type action struct {
	delay, jitter time.Duration
	shape         faults.Distribution // of the jitter
	loss          float64             // 0 to 1
	burst         float64             // mean run of losses; 0: single ones
	exact         bool                // the share of every block of packets, to the packet
	reset         striker             // nil: connections are left alone
	twice         float64             // share sent twice, 0 to 1
	damaged       float64             // share with a bit flipped, 0 to 1
	order         ordering
	link          link

	// Of several effects that a band of netem carries together:
	table   delays  // what the delay may be; nil: delay, jitter and shape say it
	besides float64 // share of single losses beside those in bursts
}

// match is a peer in compiled form; empty fields match all.
type match struct {
	prefixes []netip.Prefix
	port     uint16 // the peer's
	local    uint16 // the target's own
	proto    string // tcp, udp, icmp or ""; tcp with a local port
}

// matchOf compiles a peer.
func matchOf(p faults.Peer) (match, error) {
	pre, err := p.Prefixes()
	m := match{prefixes: pre, port: uint16(p.Port), local: uint16(p.LocalPort), proto: p.Protocol}
	if m.local != 0 {
		m.proto = "tcp"
	}
	return m, err
}

// errNotPackets says that a fault is of another family.
var errNotPackets = errors.New("not a fault on packets")

// effectOf turns a validated fault into its effect.
func effectOf(id string, f faults.Fault, seed uint64) (effect, error) {
	var (
		a    action
		dir  faults.Direction
		peer faults.Peer
		err  error
	)
	switch f := f.(type) {
	case faults.Latency:
		a.delay, a.jitter = f.OneWay()
		a.shape = f.Distribution
		dir, peer = f.Direction, f.Peer
	case faults.PacketLoss:
		a.loss, a.burst, a.exact = f.Percent/100, f.Burst, f.Exact
		dir, peer = f.Direction, f.Peer
		if f.Seed != 0 {
			seed = f.Seed
		}
	default:
		if dir, peer, err = a.disturb(f, &seed); err != nil {
			return effect{}, err
		}
	}
	l, _ := f.(faults.Latency)
	e := effect{id: id, seed: seed, thrifty: l.Thrifty}
	if e.match, err = matchOf(peer); err != nil {
		return effect{}, err
	}
	if dir.Sends() {
		e.out = &a
	}
	if dir.Receives() {
		e.in = &a
	}
	return e, nil
}

// random reports whether the effect draws random numbers.
func (e effect) random() bool {
	for _, a := range []*action{e.out, e.in} {
		if a != nil && (a.jitter > 0 || a.loss > 0 && a.loss < 1 || a.draws()) {
			return true
		}
	}
	return false
}

// exact reports whether losses are counted to the packet.
func (e effect) exact() bool {
	return e.out != nil && e.out.exact || e.in != nil && e.in.exact
}

// bridged is the longest delay behind which TCP's window fits into what it keeps below
// itself: what it sends in a millisecond, at twice the rate of its window.
const bridged = 2 * time.Millisecond

// charges reports whether data that TCP sends may wait for so long that its sockets
// would feel it if it was still theirs.
func (e effect) charges() bool {
	return e.out != nil && (e.match.proto == "" || e.match.proto == "tcp") && e.out.delay+e.out.jitter+e.out.order.delay > bridged
}

// matches reports whether a packet between these ends is concerned.
func (m match) matches(to endpoint, proto string) bool {
	if len(m.prefixes) > 0 && !slices.ContainsFunc(m.prefixes, func(p netip.Prefix) bool { return p.Contains(to.addr) }) {
		return false
	}
	if m.port != 0 && (m.port != to.port || proto != "tcp" && proto != "udp") || m.local != 0 && m.local != to.local {
		return false
	}
	return m.proto == "" || m.proto == proto
}

// spread is the variance of the number of losses, in variances of single ones, in a
// long series. In Gilbert's model whether packets are lost is a Markov chain of two
// states with the correlation c = 1 - 1/(burst*(1-loss)) from one to the next; the
// sum over such a chain has (1+c)/(1-c) times the variance of independent draws.
func (a *action) spread() float64 {
	if a.burst == 0 {
		return 1
	}
	return max(1, 2*a.burst*(1-a.loss)-1)
}
