package stress

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"faultlab/faults"
)

// processRows are the kinds that a client of the target's own server feels. What stops or
// slows that server leaves nothing to be told of faults in front of it.
var processRows = []row{
	{"pause", func(r *rand.Rand, s *scene) claim {
		return claim{fault: faults.Pause{}, pause: true, not: []string{"called"}}
	}},
	{"fd-limit", func(r *rand.Rand, s *scene) claim {
		f := faults.FDLimit{Limit: 32 + r.IntN(200)}
		return claim{fault: f, inside: func(pid int) error { return atMost(pid, "files", f.Limit) }}
	}},
	{"cpu-throttle", func(r *rand.Rand, s *scene) claim {
		f := faults.CPUThrottle{Percent: float64(10 + r.IntN(40))}
		return claim{fault: f, slows: true, not: []string{"called"}, inside: func(pid int) error { return atMost(pid, "burn", int(1.3*f.Percent)+10) }}
	}},
}

// endRows are the kinds that end the target, and come alone.
var endRows = []row{
	{"kill", func(r *rand.Rand, s *scene) claim {
		f := pick(r, []faults.Kill{{}, {Signal: "KILL"}, {Process: "self"}})
		return claim{fault: f, ends: true}
	}},
}

// atMost asks the target's server, over loopback, to try something out.
func atMost(pid int, what string, limit int) error {
	how, answer, _, err := ask(pid, loopback, what, 20*time.Second)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n > limit || n < 0 {
		limits, _ := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		return fmt.Errorf("%s: %s %q; want at most %d; %s", what, how, answer, limit, limits)
	}
	return nil
}
