package faults

import "fmt"

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
