package faults

import "fmt"

// Corrupt flips one bit, chosen at random, in a share of the packets. Checksums stay
// as they were, as on a wire that damages what it carries. netem may hit the headers of
// Ethernet and IP too; the queue hits what is behind them.
//
// What a trainee sees: whoever receives a damaged packet drops it, because its checksum
// is wrong, so that it looks like loss: stalls of one retransmission timeout, p99 in
// steps. Unlike with loss the receiver counts them (TcpInCsumErrors, UdpInErrors and
// IcmpInCsumErrors of nstat -az), and tcpdump -v there says "incorrect". The usual wrong
// diagnosis is a congested link, or a firewall.
type Corrupt struct {
	// Percent of the packets are damaged; above 0, up to 100.
	Percent float64 `json:"percent"`
	// Direction is out (default), in or both; with both each way damages on its own.
	Direction Direction `json:"direction,omitempty"`
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer `json:"peer,omitzero"`
	// Seed fixes which packets are damaged, by their order, and where. 0 leaves the
	// choice to the agent, which records it.
	Seed uint64 `json:"seed,omitempty"`
}

// Kind is "corrupt".
func (Corrupt) Kind() string { return "corrupt" }

// Validate reports the first parameter that is out of its range.
func (c Corrupt) Validate() error { return validShare(c.Percent, c.Direction, c.Peer) }

// validShare checks what faults on a share of the packets have in common.
func validShare(percent float64, d Direction, p Peer) error {
	// Written so that NaN is refused as well.
	if !(percent > 0 && percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", percent)
	}
	if err := d.validate(); err != nil {
		return err
	}
	return p.validate()
}
