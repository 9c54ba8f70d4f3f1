package faults

import "fmt"

// maxMiB is 1 TiB.
const maxMiB = 1 << 20

// MemoryLimit lowers the memory that the target may use, swap included.
//
// What a trainee sees: the container is ended for want of memory at a load it used to
// bear (OOMKilled, exit code 137), or gets slow because its file cache no longer fits.
// The usual wrong diagnosis is a memory leak; but what is used stays flat.
type MemoryLimit struct {
	// MiB is the limit, 4 to 1048576.
	MiB int `json:"mib"`
}

// Kind is "memory-limit".
func (MemoryLimit) Kind() string { return "memory-limit" }

// Validate reports the first parameter that is out of its range.
func (m MemoryLimit) Validate() error {
	if m.MiB < 4 || m.MiB > maxMiB {
		return fmt.Errorf("mib is %d; want 4 to %d", m.MiB, maxMiB)
	}
	return nil
}
