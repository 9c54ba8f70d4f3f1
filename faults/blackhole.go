package faults

// BlackHole makes everything to and from a peer vanish.
//
// What a trainee sees: connecting hangs until a timeout (over two minutes where
// nobody set one), connections that are open fall silent, threads and pools fill up
// with callers that wait; nothing is refused and no error names the network. The
// usual wrong diagnosis is a deadlock, or an overloaded service, at either end.
type BlackHole struct {
	// Direction is both (default), out or in.
	Direction Direction `json:"direction,omitempty"`
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer `json:"peer,omitzero"`
}

// Kind is "black-hole".
func (BlackHole) Kind() string { return "black-hole" }

// Validate reports the first parameter that is out of its range.
func (b BlackHole) Validate() error {
	if err := b.Direction.validate(); err != nil {
		return err
	}
	return b.Peer.validate()
}
