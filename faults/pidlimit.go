package faults

import "fmt"

// PidLimit lowers how many processes and threads the target may have.
//
// What a trainee sees: "resource temporarily unavailable" (EAGAIN) from fork, pools
// that cannot grow, runtimes that abort because they get no thread, docker exec that
// fails. The usual wrong diagnosis is that memory is short.
type PidLimit struct {
	// Limit is the number of processes and threads together, 1 to 4194304.
	Limit int `json:"limit"`
}

// Kind is "pid-limit".
func (PidLimit) Kind() string { return "pid-limit" }

// Validate reports the first parameter that is out of its range.
func (p PidLimit) Validate() error {
	if p.Limit < 1 || p.Limit > 1<<22 {
		return fmt.Errorf("limit is %d; want 1 to %d", p.Limit, 1<<22)
	}
	return nil
}
