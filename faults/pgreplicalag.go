package faults

import (
	"encoding/json"
	"fmt"
	"time"
)

// maxReplicaDelay is as long as any fault lasts.
const maxReplicaDelay = 24 * time.Hour

// PgReplicaLag makes a replica of PostgreSQL apply what it receives late, or not at all.
//
// What a trainee sees: what was written is not there when it is read again a moment
// later, and appears after a while: orders without items, users sent back to the
// login; no error anywhere, and the primary is well. The usual wrong diagnosis is a
// cache, or lost writes. pg_stat_replication.replay_lag on the primary tells it.
type PgReplicaLag struct {
	// Delay of each commit, up to 24h (recovery_min_apply_delay); 0 stops replay altogether.
	Delay      time.Duration
	Connection Connection
}

// Kind is "pg-replica-lag".
func (PgReplicaLag) Kind() string { return "pg-replica-lag" }

// Validate reports the first parameter that is out of its range.
func (f PgReplicaLag) Validate() error {
	if f.Delay != 0 && (f.Delay < 100*time.Millisecond || f.Delay > maxReplicaDelay) {
		return fmt.Errorf("delay is %s; want 100ms up to %s, or 0 for no replay at all", f.Delay, maxReplicaDelay)
	}
	return f.Connection.validate()
}

// pgReplicaLagJSON is PgReplicaLag as it is written down: durations are strings.
type pgReplicaLagJSON struct {
	Delay      duration   `json:"delay,omitempty"`
	Connection Connection `json:"connection,omitzero"`
}

// MarshalJSON writes the delay as a string such as "5s".
func (f PgReplicaLag) MarshalJSON() ([]byte, error) {
	return json.Marshal(pgReplicaLagJSON{duration(f.Delay), f.Connection})
}

// UnmarshalJSON reads the delay as a string such as "5s"; unknown keys are errors.
func (f *PgReplicaLag) UnmarshalJSON(b []byte) error {
	var w pgReplicaLagJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*f = PgReplicaLag{time.Duration(w.Delay), w.Connection}
	return nil
}
