package disk

// RestoreAct is the name of [Restore] in the agent's table of acts.
const RestoreAct = "mount-writable"

// mount names a mount for good: where it is, and which one it was there.
type mount struct {
	PID       int    `json:"pid"`       // of a process in the mount namespace
	Namespace uint64 `json:"namespace"` // its inode
	ID        uint64 `json:"id"`
	Point     string `json:"point"` // inside the container
}
