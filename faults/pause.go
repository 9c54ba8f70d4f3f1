package faults

// Pause stops every process of the target where it is, and those that start meanwhile.
//
// What a trainee sees: the container is up, connections are accepted by the kernel and
// never answered, health checks time out, nothing is logged, processor time stands
// still. The usual wrong diagnosis is a network fault, because clients see timeouts
// and not refusals.
type Pause struct{}

// Kind is "pause".
func (Pause) Kind() string { return "pause" }

// Validate finds nothing: there are no parameters.
func (Pause) Validate() error { return nil }
