// Package standin is a process of the agent's own that sits in a target's control
// groups and feels there what the target feels. It ends with the agent, and with the
// target.
package standin

// Role is the name of [Run] in the agent's table of roles.
const Role = "standin"

// ask is one line to the process, answer one from it.
type ask struct {
	Do     string  `json:"do"` // watch, pulse, spin, fork, touch, hold, held, file, read or write
	PID    int     `json:"pid,omitempty"`
	N      int     `json:"n,omitempty"`      // threads to spin; processes to fork; MiB to touch or to hold at most
	Millis int     `json:"millis,omitempty"` // to spin
	Rate   float64 `json:"rate,omitempty"`   // MiB/s to hold
	Path   string  `json:"path,omitempty"`   // a directory, for a file
	Size   int     `json:"size,omitempty"`   // of one block, in bytes; N is how many
}

type answer struct {
	CPU     float64 `json:"cpu,omitempty"`     // seconds of processor time
	Wall    float64 `json:"wall,omitempty"`    // seconds that passed
	MiB     float64 `json:"mib,omitempty"`     // held
	N       int     `json:"n,omitempty"`       // processes forked
	Refused bool    `json:"refused,omitempty"` // the kernel made no more
	Error   string  `json:"error,omitempty"`
}
