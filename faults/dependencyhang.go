package faults

// DependencyHang makes a server accept calls, read them, and never answer.
//
// What a trainee sees: callers wait until their own time-out, and where they have
// none, for ever; their pools and workers fill with waiting calls, so they stop
// answering requests that never needed this server. The server itself looks idle and
// healthy. The usual wrong diagnosis is that the caller needs more workers.
type DependencyHang struct {
	Calls
	Requests
	// After is how many bytes of the answer still come (of HTTP, after its head; the
	// head comes too when it is above 0); default 0.
	After int64 `json:"after,omitempty"`
}

// Kind is "dependency-hang".
func (DependencyHang) Kind() string { return "dependency-hang" }

// Validate reports the first parameter that is out of its range.
func (d DependencyHang) Validate() error {
	if err := validateCalls(d.Calls, d.Requests); err != nil {
		return err
	}
	return validateAfter(d.After)
}
