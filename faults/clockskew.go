package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxSkew is more than any certificate, token or lease bears.
const maxSkew = 366 * 24 * time.Hour

// ClockSkew sets the clock of the target ahead or back, and the machine's not. No
// kernel can do that to processes that run: the clock that tells the time of day
// (CLOCK_REALTIME) is one for the whole machine. A time namespace shifts only the clocks
// that count from the boot, and only for processes that are started in it. Injecting
// ends with an error that says so; the kind is here so that the question has an answer.
//
// What a trainee would see: tokens that are expired or not valid yet, certificates that
// fail, leases and caches that end early or never, and log lines in the wrong order. The
// usual wrong diagnosis is the one who issues the tokens.
type ClockSkew struct {
	// Offset is by how much the clock is ahead; below 0: back. Up to 8784h either way, not 0.
	Offset time.Duration
}

// Kind is "clock-skew".
func (ClockSkew) Kind() string { return "clock-skew" }

// Missing says why no back-end carries the fault, and what to do instead.
func (ClockSkew) Missing() (what, remedy string) {
	return "Linux has one clock for the time of day (CLOCK_REALTIME); a time namespace shifts only CLOCK_MONOTONIC and CLOCK_BOOTTIME, and takes no process that runs",
		"start the program with libfaketime in its image (LD_PRELOAD=libfaketime.so.1 FAKETIME=+5m), or give it a virtual machine and set the clock of that"
}

// Validate reports the first parameter that is out of its range.
func (c ClockSkew) Validate() error {
	if c.Offset == 0 || c.Offset > maxSkew || c.Offset < -maxSkew {
		return fmt.Errorf("offset is %s; want -%s up to %s, and not 0", c.Offset, maxSkew, maxSkew)
	}
	return nil
}

type clockSkewJSON struct {
	Offset duration `json:"offset"`
}

// MarshalJSON writes the offset as a string such as "-5m0s".
func (c ClockSkew) MarshalJSON() ([]byte, error) {
	return json.Marshal(clockSkewJSON{duration(c.Offset)})
}

// UnmarshalJSON reads the offset as a string such as "-5m"; unknown keys are errors.
func (c *ClockSkew) UnmarshalJSON(b []byte) error {
	var w clockSkewJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*c = ClockSkew{time.Duration(w.Offset)}
	return nil
}
