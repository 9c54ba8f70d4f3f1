package host

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// The first process of a machine is never killed for want of memory; that of a container
// is, and everything with it. So the host puts itself behind its programs: out of the
// kernel's reach where it may (CAP_SYS_RESOURCE), and otherwise the programs forward, all
// alike, so that the order among them stays what it would be.
const (
	never   = -1000
	forward = 500 // half of the memory there is, by which a program counts as larger
)

// standBack settles the oom_score_adj of the host, and gives that of its programs.
func standBack() (programs int, err error) {
	_ = setOOMScoreAdj("self", never) // what it is then is read below
	own, err := oomScoreAdj("self")
	if err != nil {
		return 0, err
	}
	return programsAdj(own), nil
}

func programsAdj(own int) int {
	if own <= -forward {
		return 0
	}
	return min(own+forward, 1000)
}

func oomScoreAdj(pid string) (int, error) {
	text, err := os.ReadFile("/proc/" + pid + "/oom_score_adj")
	if err != nil {
		return 0, fmt.Errorf("read oom_score_adj: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

func setOOMScoreAdj(pid string, to int) error {
	return os.WriteFile("/proc/"+pid+"/oom_score_adj", []byte(strconv.Itoa(to)), 0o644)
}
