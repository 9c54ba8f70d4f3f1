package faults

import "fmt"

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
	if err := p.Direction.validate(); err != nil {
		return err
	}
	return p.Peer.validate()
}
