package stress

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"faultlab/faults/agent"
)

var (
	injections = flag.Int("injections", 12, "random injections")
	kills      = flag.Int("kills", 4, "kills, half of the agent's process and half of its client's")
	restarts   = flag.Int("restarts", 3, "restarts of the target in the middle of faults")
	ooms       = flag.Int("ooms", 1, "ends of the target for want of memory in the middle of faults")
	seed       = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of all random choices")
)

// The test binary is also the agent, the targets and the client that is killed.
const (
	roleEnv = "FAULTLAB_STRESS_ROLE"
	markEnv = "FAULTLAB_STRESS" // which run a process belongs to
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); {
	case role == "server":
		end(serve())
	case role == "client":
		end(injectForever(context.Background()))
	case len(os.Args) == 2 && os.Args[1] == "agent":
		end(agent.Serve(context.Background(), os.Stdin, os.Stdout))
	}
	flag.Parse()
	code := m.Run()
	report.print(os.Stdout)
	os.Exit(code)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
