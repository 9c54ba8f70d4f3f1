package faults

import "fmt"

// Reject refuses what the target sends to a peer, or the peer to it, at once.
//
// What a trainee sees: "connection refused" (or "no route to host", as Answer says)
// within a millisecond, as if nothing listened at the peer, while the peer runs and
// serves others. The usual wrong diagnosis is that the peer is down or was
// restarted, or listens on another port.
type Reject struct {
	// Answer is what the sender is told: reset (default; TCP gets a reset, everything
	// else port-unreachable), or for all protocols the ICMP error port-unreachable,
	// host-unreachable or admin-prohibited.
	Answer Answer `json:"answer,omitempty"`
	// Direction is out (default), in or both.
	Direction Direction `json:"direction,omitempty"`
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer `json:"peer,omitzero"`
}

// Answer is how a refusal is told.
type Answer string

// The answers. The empty answer means AnswerReset.
const (
	AnswerReset Answer = "reset"
	AnswerPort  Answer = "port-unreachable"
	AnswerHost  Answer = "host-unreachable"
	AnswerAdmin Answer = "admin-prohibited"
)

// Kind is "reject".
func (Reject) Kind() string { return "reject" }

// Validate reports the first parameter that is out of its range.
func (r Reject) Validate() error {
	switch r.Answer {
	case "", AnswerReset, AnswerPort, AnswerHost, AnswerAdmin:
	default:
		return fmt.Errorf("answer is %q; want reset, port-unreachable, host-unreachable or admin-prohibited", string(r.Answer))
	}
	if err := r.Direction.validate(); err != nil {
		return err
	}
	if r.Direction == In && r.Peer.LocalPort != 0 {
		return errUnseen(r.Peer)
	}
	return r.Peer.validate()
}
