package faults

import "fmt"

// DependencyRate limits how quickly an answer comes, each on its own.
//
// What a trainee sees: short answers are as quick as ever, long ones take a time that
// grows with their size; callers hold connections and memory for longer. The usual
// wrong diagnosis is a slow query, because it is the pages with much data that suffer.
type DependencyRate struct {
	Calls
	Requests
	// BytesPerSecond of an answer, its head included; 1 or more.
	BytesPerSecond int64 `json:"bytes_per_second"`
}

// Kind is "dependency-rate".
func (DependencyRate) Kind() string { return "dependency-rate" }

// Validate reports the first parameter that is out of its range.
func (d DependencyRate) Validate() error {
	if err := validateCalls(d.Calls, d.Requests); err != nil {
		return err
	}
	if d.BytesPerSecond < 1 || d.BytesPerSecond > maxRate {
		return fmt.Errorf("bytes_per_second is %d; want 1 to %d", d.BytesPerSecond, int64(maxRate))
	}
	return nil
}
