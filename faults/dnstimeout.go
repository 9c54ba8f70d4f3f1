package faults

// DNSTimeout has lookups vanish without an answer.
//
// What a trainee sees: requests that need a new connection take five seconds more (the
// C library's time-out), or ten, or fail; those on open connections are quick. The
// usual wrong diagnosis is a slow service or a slow network.
type DNSTimeout struct{ Lookups }

// Kind is "dns-timeout".
func (DNSTimeout) Kind() string { return "dns-timeout" }

// Validate reports the first parameter that is out of its range.
func (d DNSTimeout) Validate() error { return d.Lookups.validate() }
