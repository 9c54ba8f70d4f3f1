package stress

import (
	"fmt"
	"math/rand/v2"
	"time"

	"faultlab/faults"
)

// limitRows are the kinds that a program in the target feels when it wants more: memory,
// or processes. Where memory is short no processes are made: they would cost some.
var limitRows = []row{
	{"memory-limit", func(r *rand.Rand, s *scene) claim {
		f := faults.MemoryLimit{MiB: 36 + r.IntN(16)}
		// The target's own program has some of it already; without the fault the rest would be above that.
		return claim{fault: f, is: []string{"limits memory"}, inside: func(pid int) error {
			had, err := eating(pid, memoryMiB)
			if err == nil && had > f.MiB-3 {
				err = fmt.Errorf("a program had %d MiB; want at most %d", had, f.MiB-3)
			}
			return err
		}}
	}},
	{"memory-pressure", func(r *rand.Rand, s *scene) claim {
		f := faults.MemoryPressure{MiBPerSecond: float64(40 + r.IntN(60)), MaxMiB: 30 + r.IntN(16)}
		return claim{fault: f, is: []string{"takes memory"}, not: []string{"takes memory", "limits memory"}, inside: func(int) error { return s.holds(f) }}
	}},
	{"pid-limit", func(r *rand.Rand, s *scene) claim {
		f := faults.PidLimit{Limit: spareThreads + 32 + r.IntN(40)}
		return claim{fault: f, not: []string{"takes memory", "limits memory"}, inside: func(pid int) error { return atMost(pid, "fork", f.Limit) }}
	}},
}

// holds waits until the target's memory, as its engine counts it, is what a fault takes
// and what the target's own program has at least.
func (s *scene) holds(f faults.MemoryPressure) error {
	want, now := int64(f.MaxMiB+3)<<20, int64(0)
	for end := time.Now().Add(3 * time.Second); now < want; time.Sleep(50 * time.Millisecond) {
		var err error
		if now, err = s.memory(); err != nil {
			return err
		}
		if now < want && time.Now().After(end) {
			return fmt.Errorf("the target has %.1f MiB in use; want %d at least", float64(now)/(1<<20), want>>20)
		}
	}
	return nil
}
