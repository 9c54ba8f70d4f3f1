package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// DependencySlow holds each answer back before its first byte: of HTTP each
// request's, of other protocols the first one of a connection.
//
// What a trainee sees: connecting is quick and answering is slow; the caller's
// latency rises by the delay while the server's own timings stay as they were. The
// usual wrong diagnosis is the network, although pings are as quick as ever, or a
// slow query.
type DependencySlow struct {
	Calls
	Requests
	// Delay is added to each answer; above 0, up to 1m.
	Delay time.Duration
	// Jitter spreads the delay evenly over Delay-Jitter to Delay+Jitter; 0 up to Delay.
	Jitter time.Duration
}

// Kind is "dependency-slow".
func (DependencySlow) Kind() string { return "dependency-slow" }

// Validate reports the first parameter that is out of its range.
func (d DependencySlow) Validate() error {
	if err := validateCalls(d.Calls, d.Requests); err != nil {
		return err
	}
	if d.Delay <= 0 || d.Delay > maxHold {
		return fmt.Errorf("delay is %s; want above 0, up to %s", d.Delay, maxHold)
	}
	if d.Jitter < 0 || d.Jitter > d.Delay {
		return fmt.Errorf("jitter is %s; want 0 up to the delay, %s", d.Jitter, d.Delay)
	}
	return nil
}

type dependencySlowJSON struct {
	Calls
	Requests
	Delay  duration `json:"delay"`
	Jitter duration `json:"jitter,omitempty"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (d DependencySlow) MarshalJSON() ([]byte, error) {
	return json.Marshal(dependencySlowJSON{d.Calls, d.Requests, duration(d.Delay), duration(d.Jitter)})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (d *DependencySlow) UnmarshalJSON(b []byte) error {
	var w dependencySlowJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*d = DependencySlow{w.Calls, w.Requests, time.Duration(w.Delay), time.Duration(w.Jitter)}
	return nil
}
