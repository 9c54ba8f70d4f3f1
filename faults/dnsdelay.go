package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// DNSDelay has lookups take longer.
//
// What a trainee sees: the time before connecting grows, in traces a gap in front of
// the first byte sent, for new connections only. The usual wrong diagnosis is a slow
// service, because its callers' timings begin with the lookup.
type DNSDelay struct {
	Lookups
	// Delay is added to each query; above 0, up to 10s.
	Delay time.Duration
}

// Kind is "dns-delay".
func (DNSDelay) Kind() string { return "dns-delay" }

// Validate reports the first parameter that is out of its range.
func (d DNSDelay) Validate() error {
	if d.Delay <= 0 || d.Delay > maxDelay {
		return fmt.Errorf("delay is %s; want above 0, up to %s", d.Delay, maxDelay)
	}
	return d.Lookups.validate()
}

// dnsDelayJSON is DNSDelay as it is written down.
type dnsDelayJSON struct {
	Lookups
	Delay duration `json:"delay"`
}

// MarshalJSON writes the delay as a string such as "50ms".
func (d DNSDelay) MarshalJSON() ([]byte, error) {
	return json.Marshal(dnsDelayJSON{d.Lookups, duration(d.Delay)})
}

// UnmarshalJSON reads the delay as a string such as "50ms"; unknown keys are errors.
func (d *DNSDelay) UnmarshalJSON(b []byte) error {
	var w dnsDelayJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*d = DNSDelay{w.Lookups, time.Duration(w.Delay)}
	return nil
}
