package database

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// statistics carries faults.PgStaleStatistics.
type statistics struct {
	written
	fault faults.PgStaleStatistics
}

// staleTable is how to mend a table's statistics.
type staleTable struct {
	Table string `json:"table"` // qualified and quoted
	// Autovacuum is the table's own setting of autovacuum_enabled, if it had one.
	Autovacuum *string `json:"autovacuum,omitempty"`
}

func (f *statistics) Place(ctx context.Context) (carrier.Placed, error) {
	rows := cmp.Or(f.fault.Rows, 1)
	c, err := f.postgres(ctx, application)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer c.Close(ctx)
	if _, err := putBackStale(ctx, c); err != nil {
		return carrier.Placed{}, explain("put back what a dead agent left", err)
	}
	table, err := findTable(ctx, c, f.fault.Table, "rm")
	if err != nil {
		return carrier.Placed{}, err
	}
	u := f.newUndo(rand.Text())
	u.Statistics = &staleTable{Table: table.name}
	stale, err := isStale(ctx, c, table.name)
	if err == nil && stale {
		err = carrier.Errorf(carrier.Refused, "the statistics of %s are stale already, by another injection", table.name)
	}
	if err != nil {
		return carrier.Placed{}, err
	}
	err = c.QueryRow(ctx, `SELECT (SELECT option_value FROM pg_options_to_table(reloptions) WHERE option_name = 'autovacuum_enabled')
		FROM pg_class WHERE oid = $1`, table.oid).Scan(&u.Statistics.Autovacuum)
	if err != nil {
		return carrier.Placed{}, fmt.Errorf("look at %s: %w", table.name, err)
	}
	before, err := estimate(ctx, c, table.name)
	if err != nil {
		return carrier.Placed{}, err
	}
	if before < 2*float64(rows) {
		return carrier.Placed{}, carrier.Errorf(carrier.BadRequest, "rows is %d; the planner reckons with %.0f in %s: want less than half of that", rows, before, table.name)
	}
	if err := f.promise(ctx, c, u, "table"); err != nil {
		return carrier.Placed{}, err
	}
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if err := write(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(`ALTER TABLE %s SET (autovacuum_enabled = false);
			DELETE FROM pg_statistic WHERE starelid = %d;
			UPDATE pg_class SET reltuples = %d, relpages = greatest(1, pg_relation_size(oid) / current_setting('block_size')::int) WHERE oid = %d`,
			table.name, table.oid, rows, table.oid))
		return err
	})
	if err != nil {
		return carrier.Placed{}, explain("make the statistics of "+table.name+" stale", err)
	}
	after, err := estimate(ctx, c, table.name)
	if err != nil {
		return carrier.Placed{}, err
	}
	if after > before/2 || after > 1.5*float64(rows)+1 {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "the planner reckons with %.0f rows in %s; want %d", after, table.name, rows)
	}
	f.probes.Add(2)
	return carrier.Placed{Backend: "postgresql", Measured: &carrier.Measurement{Method: "explain", Address: table.name, Probes: 1,
		Saw: fmt.Sprintf("the planner reckons with %.0f rows in %s, before with %.0f", after, table.name, before)}}, nil
}

// estimate is how many rows the planner expects in a table.
func estimate(ctx context.Context, c *pgx.Conn, table string) (float64, error) {
	var plans []struct{ Plan node }
	err := c.QueryRow(ctx, "EXPLAIN (FORMAT JSON) SELECT FROM ONLY "+table, pgx.QueryExecModeExec).Scan(&plans)
	if err != nil || len(plans) != 1 {
		return 0, explain("plan a read of "+table, err)
	}
	return plans[0].Plan.Rows, nil
}

// isStale reports whether an injection keeps a table's statistics stale.
func isStale(ctx context.Context, c interface {
	QueryRow(context.Context, string, ...any) pgx.Row
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, table string) (bool, error) {
	var there bool
	if err := c.QueryRow(ctx, "SELECT to_regclass('faultlab.kept') IS NOT NULL").Scan(&there); err != nil || !there {
		return false, err
	}
	rows, err := c.Query(ctx, "SELECT undo FROM faultlab.kept")
	if err != nil {
		return false, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	for _, b := range list {
		if u, err := unpack(b); err == nil && u.Statistics != nil && u.Statistics.Table == table {
			return true, nil
		}
	}
	return false, err
}

// putBack gives the table its setting back and analyses it, in one transaction with the end of its undo.
func (s *staleTable) putBack(ctx context.Context, c *pgx.Conn, id string) error {
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		var there, table bool
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7021845, 1)"); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT to_regclass('faultlab.kept') IS NOT NULL, to_regclass($1) IS NOT NULL", s.Table).Scan(&there, &table); err != nil || !there {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM faultlab.kept WHERE id = $1)", id).Scan(&there); err != nil || !there {
			return err
		}
		if table {
			set := "RESET (autovacuum_enabled)"
			if s.Autovacuum != nil {
				set = "SET (autovacuum_enabled = " + literal(*s.Autovacuum) + ")"
			}
			for _, q := range []string{"ALTER TABLE " + s.Table + " " + set, "ANALYZE " + s.Table} {
				if _, err := tx.Exec(ctx, q); err != nil {
					return err
				}
			}
		}
		return erase(ctx, tx, id)
	})
}

// Take analyses the table and finds the planner's count near the true one.
func (f *statistics) Take(ctx context.Context) error {
	if f.undo == nil {
		return nil
	}
	c, err := f.postgres(ctx, application)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	table := f.undo.Statistics.Table
	if err := f.back(ctx, c); err != nil {
		return err
	}
	reckoned, err := estimate(ctx, c, table)
	if err != nil {
		return noProbe(err)
	}
	var rows float64
	if _, err := c.Exec(ctx, "SET statement_timeout = '10s'"); err != nil {
		return noProbe(err)
	}
	if err := c.QueryRow(ctx, "SELECT count(*)::float8 FROM ONLY "+table).Scan(&rows); err != nil {
		return noProbe(err) // too large to count, or locked
	}
	if reckoned < rows/2-10 || reckoned > 2*rows+1000 {
		return carrier.Errorf(carrier.Unproved, "the planner reckons with %.0f rows in %s; there are %.0f", reckoned, table, rows)
	}
	f.See(&carrier.Measurement{Method: "explain", Address: table, Probes: 1,
		Saw: fmt.Sprintf("the planner reckons with %.0f rows in %s; there are %.0f", reckoned, table, rows)})
	return nil
}
