package faults

// Duplicate sends a share of the packets twice. The queue leaves those alone that are
// sent to many at once.
//
// What a trainee sees: TCP takes the second copy for what it is, so that throughput
// falls a little and nothing else shows but counters (TCPDSACKRecv of nstat -az, "DUP!"
// of ping). What speaks UDP meets each message twice: counters count twice, logs have
// lines twice, jobs are done twice unless they are idempotent. The usual wrong
// diagnosis is a client that retries, or a message broker that delivers twice.
type Duplicate struct {
	// Percent of the packets arrive twice; above 0, up to 100.
	Percent float64 `json:"percent"`
	// Direction is out (default), in or both; with both each way doubles on its own.
	Direction Direction `json:"direction,omitempty"`
	// Peer is the traffic concerned; default all but loopback.
	Peer Peer `json:"peer,omitzero"`
	// Seed fixes which packets are sent twice, by their order. 0 leaves the choice to
	// the agent, which records it.
	Seed uint64 `json:"seed,omitempty"`
}

// Kind is "duplicate".
func (Duplicate) Kind() string { return "duplicate" }

// Validate reports the first parameter that is out of its range.
func (d Duplicate) Validate() error { return validShare(d.Percent, d.Direction, d.Peer) }
