package faults

import "fmt"

// maxRows is far above the tables of a test, and exact in pg_class.reltuples.
const maxRows = 1_000_000

// PgStaleStatistics makes PostgreSQL's planner believe that a table is as small and
// unknown as before it was filled. Autovacuum is switched off for the table, so that it
// stays so; in the end ANALYZE puts the statistics right and the setting is as before.
//
// What a trainee sees: statements that join the table become slow from one moment to
// the next without a deploy and without more data: EXPLAIN ANALYZE shows estimates
// that are off by orders of magnitude, nested loops where hashes belong. The usual
// wrong diagnosis is a missing index. ANALYZE mends it.
type PgStaleStatistics struct {
	// Table is its name, with a schema or without.
	Table string `json:"table"`
	// Rows is how many the planner believes in; 1 (default) up to 1000000, and below what there are.
	Rows       int        `json:"rows,omitempty"`
	Connection Connection `json:"connection,omitzero"`
}

// Kind is "pg-stale-statistics".
func (PgStaleStatistics) Kind() string { return "pg-stale-statistics" }

// Validate reports the first parameter that is out of its range.
func (f PgStaleStatistics) Validate() error {
	if err := validateName("table", f.Table); err != nil {
		return err
	}
	if f.Rows < 0 || f.Rows > maxRows {
		return fmt.Errorf("rows is %d; want 1 up to %d, or 0 for 1", f.Rows, maxRows)
	}
	return f.Connection.validate()
}
