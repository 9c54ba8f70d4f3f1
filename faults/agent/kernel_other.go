//go:build !linux

package agent

import (
	"encoding/json"
	"runtime"
)

// newKernel answers that only Linux can carry faults.
func newKernel() (kernel, error) {
	return nil, &Error{Code: NotSupported,
		Message: "faults on packets need a Linux kernel; this is " + runtime.GOOS,
		Remedy:  "run the agent in a container (see Start); the engine's machine is Linux"}
}

// Probe says that nothing works here but in a container.
func Probe() (Capabilities, error) {
	_, err := newKernel()
	return Capabilities{}, err
}

func removeTrees(json.RawMessage) error { return nil }
