package faults

import (
	"fmt"
	"math"
)

// maxBurst keeps what proves a loss short: the longer the bursts, the more probes.
const maxBurst = 50

// PacketLoss drops a share of the packets.
//
// What a trainee sees: requests stall for one retransmission timeout (200 ms
// and its doublings; 1 s for a lost SYN) and then succeed, so p99 climbs in
// steps while the error rate stays near zero and the median hardly moves;
// retransmission counters rise (ss -ti, nstat). The usual wrong diagnosis is a
// slow database, or a service in need of longer timeouts and more retries.
type PacketLoss struct {
	// Percent of the packets are dropped; above 0, up to 100.
	Percent float64 `json:"percent"`
	// Burst is how many packets in a row are dropped on average, up to 50: losses come in
	// bursts and the share stays Percent. It is Gilbert's model of two states: in the bad
	// one every packet is dropped and in the good one none. Elliott's, with a share of
	// each, is not offered. 0 drops each packet on its own, in runs of 1/(1-Percent/100),
	// the least Burst can be.
	Burst float64 `json:"burst,omitempty"`
	// Exact drops Percent of every 1000 packets of a direction to the packet, in an
	// order that the seed chooses; Percent is then a multiple of 0.1.
	Exact bool `json:"exact,omitempty"`
	// Direction is out (default), in or both; with both each way drops on its own.
	Direction Direction `json:"direction,omitempty"`
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer `json:"peer,omitzero"`
	// Seed fixes which packets are dropped: the same seed drops the same
	// packets by their order. 0 leaves the choice to the agent, which records it.
	Seed uint64 `json:"seed,omitempty"`
}

// Kind is "loss".
func (PacketLoss) Kind() string { return "loss" }

// Validate reports the first parameter that is out of its range.
func (p PacketLoss) Validate() error {
	// Written so that NaN is refused as well.
	if !(p.Percent > 0 && p.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", p.Percent)
	}
	if p.Burst != 0 {
		// Single losses already come in runs of this length.
		least := 1 / (1 - p.Percent/100)
		if !(p.Burst >= least && p.Burst <= maxBurst) {
			return fmt.Errorf("burst is %v; want %.3g, which single losses of %v percent have, up to %d, or 0 for those", p.Burst, least, p.Percent, maxBurst)
		}
	}
	if tenths := p.Percent * 10; p.Exact && math.Abs(tenths-math.Round(tenths)) > 1e-9 {
		return fmt.Errorf("percent is %v with exact; want a multiple of 0.1", p.Percent)
	}
	if p.Exact && p.Burst != 0 {
		return fmt.Errorf("burst is %v with exact; want one of the two", p.Burst)
	}
	if err := p.Direction.validate(); err != nil {
		return err
	}
	return p.Peer.validate()
}
