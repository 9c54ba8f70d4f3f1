package faults

import "fmt"

// maxCores is more than the machines have that run labs.
const maxCores = 128

// CPUThrottle lets the target use only a share of the processor.
//
// What a trainee sees: everything the container does gets slower under load, in steps
// of 100 ms, while its processor usage looks low and even; nr_throttled in cpu.stat
// rises. The usual wrong diagnosis is that the service is idle and waits for a
// dependency, because its usage is far below one core.
type CPUThrottle struct {
	// Percent of one core that all processes of the target may use together, 1 to
	// 12800; 150 is a core and a half.
	Percent float64 `json:"percent"`
}

// Kind is "cpu-throttle".
func (CPUThrottle) Kind() string { return "cpu-throttle" }

// Validate reports the first parameter that is out of its range.
func (c CPUThrottle) Validate() error {
	if !(c.Percent >= 1 && c.Percent <= 100*maxCores) {
		return fmt.Errorf("percent is %v; want 1 to %d", c.Percent, 100*maxCores)
	}
	return nil
}
