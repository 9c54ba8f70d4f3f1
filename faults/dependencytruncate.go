package faults

// DependencyTruncate ends answers early, with an orderly end of the connection. Of
// HTTP the head still announces the full length.
//
// What a trainee sees: callers log "unexpected EOF", broken JSON or half pages, with
// status 200 in every access log; short answers are whole. The usual wrong diagnosis
// is a bug in how the caller reads the answer.
type DependencyTruncate struct {
	Calls
	Requests
	// After is how many bytes still come, of HTTP after the head; default 0. An answer
	// that is not longer is left alone.
	After int64 `json:"after,omitempty"`
}

// Kind is "dependency-truncate".
func (DependencyTruncate) Kind() string { return "dependency-truncate" }

// Validate reports the first parameter that is out of its range.
func (d DependencyTruncate) Validate() error {
	if err := validateCalls(d.Calls, d.Requests); err != nil {
		return err
	}
	return validateAfter(d.After)
}
