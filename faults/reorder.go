package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxGap keeps what proves a reordering short: the longer the gap, the more probes.
const maxGap = 100

// Reorder lets a share of the packets overtake those before them: these go at once,
// while all others are held back for a time.
//
// What a trainee sees: a round trip that is longer by the delay most of the time, and
// short now and then. TCP takes what comes early for a sign of loss, sends again what
// was never lost (TCPSACKReorder, TCPDSACKRecv of nstat -az) and slows down, so that
// throughput falls; voice, video and logs over UDP come out of order. The usual wrong
// diagnosis is packet loss, because there are retransmissions.
type Reorder struct {
	// Percent of the packets that may go ahead do; above 0, up to 100.
	Percent float64
	// Delay holds the others back; above 0, up to 10s. Only packets that follow one
	// another within it change places.
	Delay time.Duration
	// Gap lets only each so many-th packet go ahead: after one that did, Gap-1 are held
	// back for certain. 1 to 100; 0 means 1, all may.
	Gap int
	// Direction is out (default), in or both; with both each way reorders on its own.
	Direction Direction
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer
	// Seed fixes which packets go ahead, by their order. 0 leaves the choice to the
	// agent, which records it.
	Seed uint64
}

// Kind is "reorder".
func (Reorder) Kind() string { return "reorder" }

// Validate reports the first parameter that is out of its range.
func (r Reorder) Validate() error {
	if r.Delay <= 0 || r.Delay > maxDelay {
		return fmt.Errorf("delay is %s; want above 0, up to %s", r.Delay, maxDelay)
	}
	if r.Gap < 0 || r.Gap > maxGap {
		return fmt.Errorf("gap is %d; want 1 to %d, or 0 for 1", r.Gap, maxGap)
	}
	if r.Percent == 100 && r.Gap <= 1 {
		return fmt.Errorf("percent is 100 with gap %d; want less, or a gap from 2: all would go at once", r.Gap)
	}
	return validShare(r.Percent, r.Direction, r.Peer)
}

// reorderJSON is Reorder as it is written down: durations are strings.
type reorderJSON struct {
	Percent   float64   `json:"percent"`
	Delay     duration  `json:"delay"`
	Gap       int       `json:"gap,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	Peer      Peer      `json:"peer,omitzero"`
	Seed      uint64    `json:"seed,omitempty"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (r Reorder) MarshalJSON() ([]byte, error) {
	return json.Marshal(reorderJSON{r.Percent, duration(r.Delay), r.Gap, r.Direction, r.Peer, r.Seed})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (r *Reorder) UnmarshalJSON(b []byte) error {
	var w reorderJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*r = Reorder{w.Percent, time.Duration(w.Delay), w.Gap, w.Direction, w.Peer, w.Seed}
	return nil
}
