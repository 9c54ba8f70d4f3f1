package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// DependencyReset resets the connection in the middle of an answer.
//
// What a trainee sees: "connection reset by peer" after part of the answer has come;
// the server has done its work, and logs success, so what the caller retries is done
// twice. The usual wrong diagnosis is a crashing server.
type DependencyReset struct {
	Calls
	Requests
	// After is how many bytes still come, of HTTP after the head; default 0. An answer
	// that is not longer is left alone.
	After int64
	// Time resets a call that has not been answered in full so long after it was sent,
	// if that comes first; 0 for no such limit, up to 1m. With Time alone (After 0) the
	// number of bytes does not matter.
	Time time.Duration
}

// Kind is "dependency-reset".
func (DependencyReset) Kind() string { return "dependency-reset" }

// Validate reports the first parameter that is out of its range.
func (d DependencyReset) Validate() error {
	if err := validateCalls(d.Calls, d.Requests); err != nil {
		return err
	}
	if d.Time < 0 || d.Time > maxHold {
		return fmt.Errorf("time is %s; want 0 up to %s", d.Time, maxHold)
	}
	return validateAfter(d.After)
}

type dependencyResetJSON struct {
	Calls
	Requests
	After int64    `json:"after,omitempty"`
	Time  duration `json:"time,omitempty"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (d DependencyReset) MarshalJSON() ([]byte, error) {
	return json.Marshal(dependencyResetJSON{d.Calls, d.Requests, d.After, duration(d.Time)})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (d *DependencyReset) UnmarshalJSON(b []byte) error {
	var w dependencyResetJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*d = DependencyReset{w.Calls, w.Requests, w.After, time.Duration(w.Time)}
	return nil
}
