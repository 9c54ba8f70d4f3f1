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

// MemoryPressure takes memory inside the target's limit, little by little.
//
// What a trainee sees: the container's memory climbs in a straight line, whatever the
// load, until it stays at the most or the kernel ends a process. The usual wrong
// diagnosis is a leak in the service; but no process of it grows.
type MemoryPressure struct {
	// MiBPerSecond is how fast memory is taken; above 0, up to 1024.
	MiBPerSecond float64 `json:"mib_per_second"`
	// MaxMiB is the most that is taken, 1 to 1048576.
	MaxMiB int `json:"max_mib"`
}

// Kind is "memory-pressure".
func (MemoryPressure) Kind() string { return "memory-pressure" }

// Validate reports the first parameter that is out of its range.
func (m MemoryPressure) Validate() error {
	if !(m.MiBPerSecond > 0 && m.MiBPerSecond <= 1024) {
		return fmt.Errorf("mib_per_second is %v; want above 0, up to 1024", m.MiBPerSecond)
	}
	if m.MaxMiB < 1 || m.MaxMiB > maxMiB {
		return fmt.Errorf("max_mib is %d; want 1 to %d", m.MaxMiB, maxMiB)
	}
	return nil
}
