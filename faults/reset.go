package faults

import "fmt"

// Reset resets TCP connections at their next data: both ends are told that the other
// one did it. Handshakes get through, so that new connections are reset at their first data.
//
// What a trainee sees: "connection reset by peer" at both ends, in the middle of
// requests that had gone well; connecting works, pools hand out broken connections,
// retries meet the same. It is what a firewall or load balancer does that lost its
// state or found a connection idle for too long. The usual wrong diagnosis is that
// the other end crashes.
type Reset struct {
	// Direction is whose data brings the reset: both (default), out is the target's, in the peer's.
	Direction Direction `json:"direction,omitempty"`
	// Peer is the traffic concerned; default all but loopback. Its protocol is tcp or none.
	Peer Peer `json:"peer,omitzero"`
}

// Kind is "reset".
func (Reset) Kind() string { return "reset" }

// Validate reports the first parameter that is out of its range.
func (r Reset) Validate() error {
	if err := r.Direction.validate(); err != nil {
		return err
	}
	if p := r.Peer.Protocol; p != "" && p != "tcp" {
		return fmt.Errorf("peer protocol is %q; want tcp or none, only tcp has connections to reset", p)
	}
	if r.Direction == In && r.Peer.LocalPort != 0 {
		return errUnseen(r.Peer)
	}
	return r.Peer.validate()
}
