package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxDelay is far above any link on earth and below what a kernel timer holds.
const maxDelay = 10 * time.Second

// Latency makes packets arrive later.
//
// What a trainee sees: every request over the link takes longer by the delay,
// a request that makes N calls one after the other by N times the delay, and a
// new connection by one round trip more; CPU, memory and error rate stay
// flat, until timeouts and pools turn slowness into errors. The usual wrong
// diagnosis is a slow database or an overloaded service, because each service
// that calls over the link looks slow from outside while it only waits.
type Latency struct {
	// Delay is added to each packet; above 0, up to 10s.
	Delay time.Duration
	// Jitter spreads the delay around its value, as Distribution says; 0 up to Delay.
	// Packets may overtake each other.
	Jitter time.Duration
	// Distribution of the jitter: by default uniform, evenly over Delay-Jitter to
	// Delay+Jitter; normal, pareto and paretonormal take Jitter as the standard deviation.
	Distribution Distribution
	// Direction is out (default), in or both.
	Direction Direction
	// RTT takes Delay (and Jitter) as the time added to a round trip: with
	// direction both, half of it goes each way. Otherwise Delay is one-way.
	RTT bool
	// Thrifty saves work where the injector itself delays packets, on kernels without
	// netem: TCP's bare acknowledgements may pass at once. To connect, and each request
	// and its answer, still take the delay longer; how fast data in bulk gets going, less.
	Thrifty bool
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer
}

// Kind is "latency".
func (Latency) Kind() string { return "latency" }

// OneWay gives the delay and the jitter of a packet in one direction.
func (l Latency) OneWay() (delay, jitter time.Duration) {
	if l.RTT && l.Direction == Both {
		return l.Delay / 2, l.Jitter / 2
	}
	return l.Delay, l.Jitter
}

// Validate reports the first parameter that is out of its range.
func (l Latency) Validate() error {
	if l.Delay <= 0 || l.Delay > maxDelay {
		return fmt.Errorf("delay is %s; want above 0, up to %s", l.Delay, maxDelay)
	}
	if l.Jitter < 0 || l.Jitter > l.Delay {
		return fmt.Errorf("jitter is %s; want 0 up to the delay, %s", l.Jitter, l.Delay)
	}
	if err := l.Distribution.validate(); err != nil {
		return err
	}
	if l.Distribution != "" && l.Jitter == 0 {
		return fmt.Errorf("jitter is 0s with distribution %s; want above 0, up to the delay, %s", l.Distribution, l.Delay)
	}
	if err := l.Direction.validate(); err != nil {
		return err
	}
	return l.Peer.validate()
}

// latencyJSON is Latency as it is written down: durations are strings.
type latencyJSON struct {
	Delay        duration     `json:"delay"`
	Jitter       duration     `json:"jitter,omitempty"`
	Distribution Distribution `json:"distribution,omitempty"`
	Direction    Direction    `json:"direction,omitempty"`
	RTT          bool         `json:"rtt,omitempty"`
	Thrifty      bool         `json:"thrifty,omitempty"`
	Peer         Peer         `json:"peer,omitzero"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (l Latency) MarshalJSON() ([]byte, error) {
	return json.Marshal(latencyJSON{
		Delay: duration(l.Delay), Jitter: duration(l.Jitter), Distribution: l.Distribution,
		Direction: l.Direction, RTT: l.RTT, Thrifty: l.Thrifty, Peer: l.Peer,
	})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (l *Latency) UnmarshalJSON(b []byte) error {
	var w latencyJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*l = Latency{
		Delay: time.Duration(w.Delay), Jitter: time.Duration(w.Jitter), Distribution: w.Distribution,
		Direction: w.Direction, RTT: w.RTT, Thrifty: w.Thrifty, Peer: w.Peer,
	}
	return nil
}
