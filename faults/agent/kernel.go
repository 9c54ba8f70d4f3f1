package agent

import (
	"context"
	"net"
	"net/netip"
	"time"

	"faultlab/faults/agent/carrier"
)

// kernel is what the server needs of the machine.
type kernel interface {
	capabilities() Capabilities
	// open enters the network namespace of a process. Opening one that is open gives the same space.
	open(pid int) (space, error)
	// carrier finds who carries an order in a space.
	carrier(s space, o carrier.Order) (carrier.Carrier, error)
	// sweep removes what dead agents left in the namespaces of these processes and says what.
	sweep(pids []int) ([]string, error)
	close() error
}

// space is one target's network namespace. Calls are made one at a time,
// except gone, effects, packets and notes.
type space interface {
	// do runs f on a thread that is in the namespace. Sockets f opens stay in it.
	do(f func() error) error
	// install puts an effect in place and names the back-end that carries it.
	install(e effect) (backend string, err error)
	// uninstall takes it away; an unknown id is not an error.
	uninstall(id string) error
	// retarget gives an installed effect other addresses, without a gap for those that stay.
	retarget(id string, prefixes []netip.Prefix) error
	effects() []effect
	packets(id string) Packets
	// notes tell what became of an effect, also one that was taken away.
	notes(id string) []string
	// candidates are addresses that might answer a probe that m concerns.
	candidates(m match) []endpoint
	// local tells the target's own addresses: what it sends there goes over loopback.
	local(a netip.Addr) bool
	probe(ctx context.Context, run probeRun) (probeResult, error)
	// refusals is a series of probes that tells refusals from answers.
	refusals(ctx context.Context, run probeRun) (refusalResult, error)
	// resets is a series of data segments of no connection; res has those that the fault reset.
	resets(ctx context.Context, run probeRun) (res probeResult, err error)
	// dial connects from the namespace.
	dial(ctx context.Context, network, address string) (net.Conn, error)
	// gone is closed when the process the space was opened for has ended.
	gone() <-chan struct{}
	// clear takes every effect away.
	clear() error
	// close clears and leaves the namespace.
	close() error
}

// The ways to probe.
const (
	methodICMP = "icmp"
	methodSYN  = "tcp-syn" // a SYN, answered by SYN-ACK or RST
	methodDNS  = "dns"     // a query for the root, by UDP
)

// probeRun is one series of probes.
type probeRun struct {
	method   string
	to       endpoint
	count    int
	interval time.Duration
	apart    bool          // never less than the interval lies between two, however late one is
	wait     time.Duration // for the last answer
	again    time.Duration // how long to wait for second answers; 0: they do not matter
	train    byte          // tag of the only effect that the probes are for; 0: all
	bytes    int           // of a train's probe, its headers apart
}

// probeResult is what came of it.
type probeResult struct {
	sent    int
	rtts    []time.Duration // of those answered, in order of sending
	came    []arrival       // the first answers, in order of arrival
	twice   int             // answered more than once
	damaged int             // answers with a wrong checksum, which count as none
}

// arrival is an answer.
type arrival struct {
	probe int // its number
	sent  time.Time
	at    time.Time
	bytes int // as the socket gives it
}

func (r probeResult) lost() int { return r.sent - len(r.rtts) }

// methodFor chooses how to probe the traffic a match concerns.
func methodFor(m match, to endpoint) (string, endpoint, error) {
	switch {
	case m.proto == "udp" || m.proto == "" && m.port == 53:
		if m.port != 0 {
			to.port = m.port
		}
		if to.port == 0 {
			to.port = 53
		}
		if to.port != 53 {
			return "", to, &Error{Code: NoProbe,
				Message: "udp port " + to.String() + " cannot be probed: only DNS (port 53) is known to answer",
				Remedy:  "leave the protocol out of the peer: its tcp and udp are concerned then, and tcp is probed; or leave the port out, where a peer answers DNS"}
		}
		return methodDNS, to, nil
	case m.proto == "tcp" || m.port != 0:
		if m.local != 0 {
			to.local, to.port = m.local, 0 // each probe has a port of the peer's to itself
			return methodSYN, to, nil
		}
		if m.port != 0 {
			to.port = m.port
		}
		if to.port == 0 {
			to.port = 9 // discard: closed nearly everywhere, so a RST answers
		}
		return methodSYN, to, nil
	}
	to.port = 0
	return methodICMP, to, nil
}

// protoOf is the protocol a method's packets have in a match.
func protoOf(method string) string {
	switch method {
	case methodSYN:
		return "tcp"
	case methodDNS:
		return "udp"
	}
	return "icmp"
}
