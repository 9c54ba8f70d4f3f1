package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// killSignals are the signals whose default is to end a process.
var killSignals = []string{"KILL", "TERM", "INT", "QUIT", "HUP", "ABRT", "BUS", "SEGV"}

// maxGrace bounds the wait for a process that was asked to end.
const maxGrace = time.Minute

// Kill ends a process of the target by a signal. It is over when the process is.
//
// What a trainee sees: requests in flight fail with a reset, the container restarts
// or stays down, its exit code is 128 plus the signal (137 for KILL). The usual wrong
// diagnosis is that memory ran out, which ends with 137 as well but leaves OOMKilled
// true and a line in the kernel's log.
type Kill struct {
	// Signal is KILL (default), TERM, INT, QUIT, HUP, ABRT, BUS or SEGV.
	Signal string
	// Process names the processes to end, all that have the name; default: the first
	// process of the container.
	Process string
	// Grace is how long the process may take to end; default 10s, up to 1m.
	Grace time.Duration
}

// Kind is "kill".
func (Kill) Kind() string { return "kill" }

// Validate reports the first parameter that is out of its range.
func (k Kill) Validate() error {
	if k.Signal != "" && !slices.Contains(killSignals, k.Signal) {
		return fmt.Errorf("signal is %q; want one of %s", k.Signal, strings.Join(killSignals, ", "))
	}
	if len(k.Process) > 64 || strings.ContainsAny(k.Process, "/\n") {
		return fmt.Errorf("process is %.80q; want a name of up to 64 characters without a slash", k.Process)
	}
	if k.Grace < 0 || k.Grace > maxGrace {
		return fmt.Errorf("grace is %s; want above 0, up to %s, or 0 for 10s", k.Grace, maxGrace)
	}
	return nil
}

type killJSON struct {
	Signal  string   `json:"signal,omitempty"`
	Process string   `json:"process,omitempty"`
	Grace   duration `json:"grace,omitempty"`
}

// MarshalJSON writes durations as strings such as "50ms".
func (k Kill) MarshalJSON() ([]byte, error) {
	return json.Marshal(killJSON{k.Signal, k.Process, duration(k.Grace)})
}

// UnmarshalJSON reads durations as strings such as "50ms"; unknown keys are errors.
func (k *Kill) UnmarshalJSON(b []byte) error {
	var w killJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*k = Kill{w.Signal, w.Process, time.Duration(w.Grace)}
	return nil
}
