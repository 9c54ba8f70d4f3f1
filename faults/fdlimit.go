package faults

import "fmt"

// FDLimit lowers how many files and connections each running process of the target
// may have open. A program that raises its limit again, as some do when they start, is
// held to it again within a quarter of a second.
//
// What a trainee sees: "too many open files" (EMFILE) in the log under load; new
// connections wait unaccepted while old ones work. The usual wrong diagnosis is a
// network fault or an overloaded service.
type FDLimit struct {
	// Limit is the number of descriptors, 3 to 1048576.
	Limit int `json:"limit"`
}

// Kind is "fd-limit".
func (FDLimit) Kind() string { return "fd-limit" }

// Validate reports the first parameter that is out of its range.
func (f FDLimit) Validate() error {
	if f.Limit < 3 || f.Limit > 1<<20 {
		return fmt.Errorf("limit is %d; want 3 to %d", f.Limit, 1<<20)
	}
	return nil
}
