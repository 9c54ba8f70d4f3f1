package faults

import "errors"

// Partition cuts the target off from a set of peers, both ways; everybody else is
// still there. All of the peers that answer are seen to go silent, and at least one
// address outside of them is seen to answer still.
//
// What a trainee sees: some members of a cluster do not see others while clients see
// all of them: two leaders, replicas that fall behind, health checks that contradict
// each other. The usual wrong diagnosis is that the peers are down.
type Partition struct {
	// Peer is whom the target is cut off from; addresses or names are needed.
	Peer Peer `json:"peer"`
}

// Kind is "partition".
func (Partition) Kind() string { return "partition" }

// Validate reports the first parameter that is out of its range.
func (p Partition) Validate() error {
	if len(p.Peer.Addresses)+len(p.Peer.Names) == 0 {
		return errors.New("peer has neither addresses nor names; want at least one of whom to cut off")
	}
	return p.Peer.validate()
}
