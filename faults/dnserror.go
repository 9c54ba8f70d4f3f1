package faults

import "fmt"

// DNSError has lookups answered with an error.
//
// What a trainee sees: "no such host" (nxdomain) or "temporary failure in name
// resolution" (servfail) in the logs of callers, at once, while every service is up
// and open connections go on. The usual wrong diagnosis is that the service looked
// for is down.
type DNSError struct {
	Lookups
	// Code is the answer: nxdomain (default), servfail or refused. Over TCP the
	// connection is reset instead.
	Code string `json:"code,omitempty"`
}

// Kind is "dns-error".
func (DNSError) Kind() string { return "dns-error" }

// Validate reports the first parameter that is out of its range.
func (d DNSError) Validate() error {
	switch d.Code {
	case "", "nxdomain", "servfail", "refused":
		return d.Lookups.validate()
	}
	return fmt.Errorf("code is %.20q; want nxdomain, servfail or refused", d.Code)
}
