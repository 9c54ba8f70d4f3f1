package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The bounds of PgSlowStatement.
const (
	minStatementDelay = time.Millisecond
	maxPattern        = 200 // bytes
)

// PgSlowStatement makes statements of PostgreSQL that contain a text take longer, those
// of sessions that are open already and those of every role included.
//
// What a trainee sees: some statements are slow and others are not, with the same plan
// and the same rows as before: the session is active in pg_stat_activity without a
// wait_event, the slow log has the statement, and so does pg_stat_statements, while the
// server's CPU and disks are idle; locks that the transaction has are held for as long.
// The usual wrong diagnosis is a missing index. EXPLAIN ANALYZE has an execution time
// that none of its nodes explains, and ps shows the server's process stopped (T).
//
// Concerned are SELECT, INSERT, UPDATE, DELETE and MERGE, also inside functions, cursors
// (once, at the first fetch) and EXPLAIN ANALYZE, each by its own text as it was sent or
// prepared; not COPY from a client, DDL, BEGIN or COMMIT. A statement_timeout or a
// cancellation ends the wait.
type PgSlowStatement struct {
	// Statement is a text that the statements contain, 1 to 200 bytes: * is any text,
	// white space any white space, and small letters are as good as capitals. What comes
	// after the first 4096 bytes of a statement is not looked at.
	Statement string
	// Delay is how much longer they take; 1ms up to 1m.
	Delay time.Duration
	// Percent of them are concerned; above 0, up to 100; 0 means 100.
	Percent float64
	// Seed fixes which: the same seed takes the same ones by their order. 0 leaves the
	// choice to the agent, which records it.
	Seed       uint64
	Connection Connection
}

// Kind is "pg-slow-statement".
func (PgSlowStatement) Kind() string { return "pg-slow-statement" }

// Share is Percent with its default, from 0 to 1.
func (f PgSlowStatement) Share() float64 {
	if f.Percent == 0 {
		return 1
	}
	return f.Percent / 100
}

// Validate reports the first parameter that is out of its range.
func (f PgSlowStatement) Validate() error {
	if strings.TrimSpace(f.Statement) == "" || len(f.Statement) > maxPattern || strings.ContainsRune(f.Statement, 0) {
		return fmt.Errorf("statement is %.40q; want a text of 1 to %d bytes such as select*from orders, in which * is any text", f.Statement, maxPattern)
	}
	if f.Delay < minStatementDelay || f.Delay > maxHold {
		return fmt.Errorf("delay is %s; want %s up to %s", f.Delay, minStatementDelay, maxHold)
	}
	// Written so that NaN is refused as well.
	if !(f.Percent >= 0 && f.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", f.Percent)
	}
	return f.Connection.validate()
}

// pgSlowStatementJSON is PgSlowStatement as it is written down: durations are strings.
type pgSlowStatementJSON struct {
	Statement  string     `json:"statement"`
	Delay      duration   `json:"delay"`
	Percent    float64    `json:"percent,omitempty"`
	Seed       uint64     `json:"seed,omitempty"`
	Connection Connection `json:"connection,omitzero"`
}

// MarshalJSON writes the delay as a string such as "500ms".
func (f PgSlowStatement) MarshalJSON() ([]byte, error) {
	return json.Marshal(pgSlowStatementJSON{f.Statement, duration(f.Delay), f.Percent, f.Seed, f.Connection})
}

// UnmarshalJSON reads the delay as a string such as "500ms"; unknown keys are errors.
func (f *PgSlowStatement) UnmarshalJSON(b []byte) error {
	var w pgSlowStatementJSON
	if err := strict(b, &w); err != nil {
		return err
	}
	*f = PgSlowStatement{w.Statement, time.Duration(w.Delay), w.Percent, w.Seed, w.Connection}
	return nil
}
