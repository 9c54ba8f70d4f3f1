package faults

import "fmt"

// RedisPause makes Redis answer nobody, or no writes, without a gap.
//
// What a trainee sees: connections to Redis open and then hang, so callers wait for
// their timeouts, and pools fill; the process is up, its CPU idle, and the port
// answers. The usual wrong diagnosis is the network, or the service in front.
type RedisPause struct {
	// Commands is all (default) or write.
	Commands   string     `json:"commands,omitempty"`
	Connection Connection `json:"connection,omitzero"`
}

// Kind is "redis-pause".
func (RedisPause) Kind() string { return "redis-pause" }

// Validate reports the first parameter that is out of its range.
func (f RedisPause) Validate() error {
	switch f.Commands {
	case "", "all", "write":
	default:
		return fmt.Errorf("commands is %q; want all or write", f.Commands)
	}
	return f.Connection.validate()
}
