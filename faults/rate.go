package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

const (
	minLink = 8_000          // bits per second: a full packet takes a second and a half
	maxLink = 10_000_000_000 // no container's link is quicker
	// maxQueue is what a link may hold back, in time.
	maxQueue     = 10 * time.Second
	defaultQueue = 100 * time.Millisecond
)

// Rate narrows the link: no more than so many bits get over it in a second.
//
// What a trainee sees: small requests are as quick as ever, while large answers,
// uploads, backups and replication take longer in proportion to their size. Once the
// link is full everything over it waits behind what is in its queue, so that latency
// climbs to the length of the queue, and then packets are lost. The usual wrong
// diagnosis is a slow disk or a slow server, because pings of an idle link look well.
type Rate struct {
	// BitsPerSecond the link carries each way, headers of IP included (netem counts those
	// of Ethernet as well); 8000 to 10000000000. One that the path to the probe does not
	// exceed is refused, because nobody would feel it.
	BitsPerSecond int64
	// Queue is the longest a packet waits for its turn; one that would wait longer is
	// dropped. 1ms to 10s; 0 means 100ms.
	Queue time.Duration
	// Direction is out (default), in or both; with both each way has the rate to itself.
	Direction Direction
	// Peer is the traffic that shares the rate; default all but loopback.
	Peer Peer
}

// Kind is "rate".
func (Rate) Kind() string { return "rate" }

// Wait is the longest a packet waits for its turn: Queue or its default.
func (r Rate) Wait() time.Duration {
	if r.Queue == 0 {
		return defaultQueue
	}
	return r.Queue
}

// Validate reports the first parameter that is out of its range.
func (r Rate) Validate() error {
	if r.BitsPerSecond < minLink || r.BitsPerSecond > maxLink {
		return fmt.Errorf("bits_per_second is %d; want %d to %d", r.BitsPerSecond, minLink, int64(maxLink))
	}
	if r.Queue != 0 && (r.Queue < time.Millisecond || r.Queue > maxQueue) {
		return fmt.Errorf("queue is %s; want 1ms to %s, or 0 for %s", r.Queue, maxQueue, defaultQueue)
	}
	if err := r.Direction.validate(); err != nil {
		return err
	}
	return r.Peer.validate()
}

// rateJSON is Rate as it is written down: durations are strings.
type rateJSON struct {
	BitsPerSecond int64     `json:"bits_per_second"`
	Queue         duration  `json:"queue,omitempty"`
	Direction     Direction `json:"direction,omitempty"`
	Peer          Peer      `json:"peer,omitzero"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (r Rate) MarshalJSON() ([]byte, error) {
	return json.Marshal(rateJSON{r.BitsPerSecond, duration(r.Queue), r.Direction, r.Peer})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (r *Rate) UnmarshalJSON(b []byte) error {
	var w rateJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*r = Rate{w.BitsPerSecond, time.Duration(w.Queue), w.Direction, w.Peer}
	return nil
}
