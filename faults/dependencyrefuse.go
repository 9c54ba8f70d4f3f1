package faults

// DependencyRefuse resets connections as soon as they are made.
//
// What a trainee sees: callers fail at once with "connection reset by peer", or
// "unexpected EOF", and latency falls because errors are quick; the server logs
// nothing. The usual wrong diagnosis is that the server's process has crashed, or
// that a firewall is in the way.
type DependencyRefuse struct {
	Calls
}

// Kind is "dependency-refuse".
func (DependencyRefuse) Kind() string { return "dependency-refuse" }

// Validate reports the first parameter that is out of its range.
func (d DependencyRefuse) Validate() error { return d.Calls.validate() }
