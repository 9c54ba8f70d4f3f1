package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxCrashAfter bounds the time that a process is left to run.
const maxCrashAfter = time.Minute

// CrashLoop kills the target's first process so long after each of its starts, as long
// as the fault lasts. The container needs a restart policy.
//
// What a trainee sees: the container restarts again and again, its restart count
// climbs, its exit code is 137 and its log ends in the middle; between the crashes it
// works. The usual wrong diagnoses are a bug in what it did last, and too little memory,
// which leaves OOMKilled true.
type CrashLoop struct {
	// After is how long the process runs; above 0, up to 1m. One that has run for longer
	// is killed at once.
	After time.Duration
}

// Kind is "crash-loop".
func (CrashLoop) Kind() string { return "crash-loop" }

// Validate reports the first parameter that is out of its range.
func (c CrashLoop) Validate() error {
	if c.After <= 0 || c.After > maxCrashAfter {
		return fmt.Errorf("after is %s; want above 0, up to %s", c.After, maxCrashAfter)
	}
	return nil
}

type crashLoopJSON struct {
	After duration `json:"after"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (c CrashLoop) MarshalJSON() ([]byte, error) {
	return json.Marshal(crashLoopJSON{duration(c.After)})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (c *CrashLoop) UnmarshalJSON(b []byte) error {
	var w crashLoopJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*c = CrashLoop{time.Duration(w.After)}
	return nil
}
