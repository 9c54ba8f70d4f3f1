package agent

import (
	"os"
	"os/exec"

	"faultlab/faults/agent/database"
	"faultlab/faults/agent/disk"
	"faultlab/faults/agent/keeper"
	"faultlab/faults/agent/ledger"
	"faultlab/faults/agent/standin"
	"faultlab/faults/agent/trap"
)

// roleVariable of the environment makes a process of this executable one of the
// agent's children. The agent starts them with its own arguments, which led to Serve.
const roleVariable = "FAULTLAB_AGENT_ROLE"

// roles are what the agent's children do, by their role.
var roles = map[string]func() error{
	"keeper":     func() error { return keeper.Run(acts, os.Stdin, os.Stdout) },
	standin.Role: func() error { return standin.Run(os.Stdin, os.Stdout) },
}

// acts are what a keeper can put back.
var acts = map[string]keeper.Act{
	database.RestoreAct: database.Restore,
	ledger.PutBackAct:   ledger.PutBack,
	disk.RestoreAct:     disk.Restore,
	trap.ResumeAct:      trap.Resume,
	removeTreesAct:      removeTrees,
}

// removeTreesAct is the name of [removeTrees].
const removeTreesAct = "remove-netem"

// treesOf names the network namespace of a process.
type treesOf struct {
	PID   int    `json:"pid"`
	Inode uint64 `json:"inode"`
	Bare  []int  `json:"bare,omitempty"` // interfaces whose transmit queue had the length 0
}

// child is a process of the agent's own executable in a role.
func child(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}
