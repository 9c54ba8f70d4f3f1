package faults

import (
	"fmt"
	"net/http"
)

// HTTPError answers HTTP requests with an error of its own. The server never sees them.
//
// What a trainee sees: a share of the requests fails with the status while the
// server's own logs and metrics count fewer requests and no errors; retries make it
// look rarer than it is. The usual wrong diagnosis is a bug in the server's last release.
type HTTPError struct {
	Calls
	Requests
	// Status is the answer's status; 400 to 599.
	Status int `json:"status"`
	// Body is the answer's body; default the status in words. JSON is declared as such.
	Body string `json:"body,omitempty"`
}

// Kind is "http-error".
func (HTTPError) Kind() string { return "http-error" }

// Validate reports the first parameter that is out of its range.
func (e HTTPError) Validate() error {
	if err := validateCalls(e.Calls, e.Requests); err != nil {
		return err
	}
	if e.Status < 400 || e.Status > 599 {
		return fmt.Errorf("status is %d; want 400 to 599", e.Status)
	}
	if len(e.Body) > maxText {
		return fmt.Errorf("body has %d bytes; want up to %d", len(e.Body), maxText)
	}
	return nil
}

// Answer is the body that is sent.
func (e HTTPError) Answer() string {
	if e.Body != "" {
		return e.Body
	}
	return http.StatusText(e.Status) + "\n"
}
