package stress

import (
	"math/rand/v2"
	"slices"
	"time"

	"faultlab/faults"
)

// claim is what a fault that is active must do to a user of the target.
type claim struct {
	fault   faults.Fault
	peer    faults.Peer
	delay   time.Duration // added to a round trip, on average
	jitter  time.Duration // of the sum of both ways
	loss    float64       // of round trips
	burst   float64
	dead    bool          // no datagram is answered
	tcp     []string      // how asking by TCP may end; nil: answered
	pause   bool          // nothing inside answers
	slows   bool          // what is done inside may take long
	copies  float64       // answers to a datagram that gets through; 0: one
	hold    time.Duration // what some packets wait, and others do not
	inside  func(pid int) error
	carry   func(pid int) error // like inside, where connections to the peer are left alone otherwise
	lookups *lookups            // what becomes of names
	calls   *calls              // what becomes of requests
	disk    *disk               // what becomes of files
	ends    bool                // the target's first process ends at once, killed
	is, not []string            // what it does, and beside what it cannot be judged
	unknown bool                // there is no row for the kind: what it does is not looked at
}

// row draws a fault of one kind and says what a user must feel.
type row struct {
	kind string
	draw func(r *rand.Rand, s *scene) claim
}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

// concerns tells whether what goes to a port of an address and back meets the fault.
func (c claim) concerns(to, proto string, port int) bool {
	return (len(c.peer.Addresses) == 0 || slices.Contains(c.peer.Addresses, to)) &&
		(c.peer.Protocol == "" || c.peer.Protocol == proto) && (c.peer.Port == 0 || c.peer.Port == port)
}

func (c claim) silences() int {
	if c.dead {
		return 1
	}
	return 0
}

// clashes tells whether two faults at once leave nothing that a user can tell.
func (c claim) clashes(o claim) bool {
	in := func(list []string) func(string) bool {
		return func(s string) bool { return slices.Contains(list, s) }
	}
	return slices.ContainsFunc(c.not, in(o.is)) || slices.ContainsFunc(o.not, in(c.is))
}
