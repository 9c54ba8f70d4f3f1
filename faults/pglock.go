package faults

import (
	"fmt"
	"slices"
	"strings"
)

// LockModes are PostgreSQL's table locks, the weakest first.
var lockModes = []string{"access-share", "row-share", "row-exclusive", "share-update-exclusive", "share", "share-row-exclusive", "exclusive", "access-exclusive"}

// PgLock holds a lock on a table of PostgreSQL in a transaction that does nothing.
//
// What a trainee sees: statements on the table wait and wait while the server is
// bored: no CPU, no I/O, ever more connections in state active with wait_event Lock,
// then full pools and timeouts, also of requests that never touch the table. The
// usual wrong diagnosis is a slow statement or a server that is too small. One
// session is idle in transaction (pg_stat_activity, pg_locks, pg_blocking_pids).
type PgLock struct {
	// Table is its name, with a schema or without.
	Table string `json:"table"`
	// Mode is the lock; default access-exclusive, which stops reads as well.
	Mode string `json:"mode,omitempty"`
	// Application is what the session calls itself; default psql.
	Application string     `json:"application,omitempty"`
	Connection  Connection `json:"connection,omitzero"`
}

// Kind is "pg-lock".
func (PgLock) Kind() string { return "pg-lock" }

// Validate reports the first parameter that is out of its range.
func (f PgLock) Validate() error {
	if err := validateName("table", f.Table); err != nil {
		return err
	}
	if f.Mode != "" && !slices.Contains(lockModes, f.Mode) {
		return fmt.Errorf("mode is %q; want %s", f.Mode, strings.Join(lockModes, ", "))
	}
	if err := validateApplication(f.Application); err != nil {
		return err
	}
	return f.Connection.validate()
}
