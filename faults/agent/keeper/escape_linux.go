package keeper

import (
	"os"
	"os/signal"
	"syscall"

	"faultlab/faults/agent/cgroup"
)

// escape moves this process out of its container's control groups, by which the
// engine finds what to kill, and makes it deaf to what ends the agent.
func escape() error {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	_, _ = syscall.Setsid() // out of the agent's process group; it may lead one already
	// When memory is short the agent goes first; without the right to ask, we take our chance.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-900"), 0)
	return cgroup.Leave()
}
