package database

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

// index carries faults.PgDroppedIndex.
type index struct {
	written
	fault faults.PgDroppedIndex
	query string
}

func (f *index) Place(ctx context.Context) (carrier.Placed, error) {
	c, err := f.postgres(ctx, application)
	if err != nil {
		return carrier.Placed{}, err
	}
	defer c.Close(ctx)
	if _, err := putBackStale(ctx, c); err != nil {
		return carrier.Placed{}, explain("put back what a dead agent left", err)
	}
	found, err := find(ctx, c, "index", f.fault.Index)
	if err != nil {
		return carrier.Placed{}, err
	}
	d, err := define(ctx, c, found)
	if err != nil {
		return carrier.Placed{}, err
	}
	d.Concurrently = f.fault.Concurrently
	before, err := f.choose(ctx, c, d)
	if err != nil {
		return carrier.Placed{}, err
	}
	u := f.newUndo(rand.Text())
	u.Index = d
	if err := f.promise(ctx, c, u, "table"); err != nil {
		return carrier.Placed{}, err
	}
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if err := write(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DROP INDEX "+d.Name)
		return err
	})
	if err != nil {
		return carrier.Placed{}, explain("drop index "+d.Name, err)
	}
	after, err := explainQuery(ctx, c, f.query)
	if err != nil {
		return carrier.Placed{}, err
	}
	if after.uses(d.bare) {
		return carrier.Placed{}, carrier.Errorf(carrier.Unproved, "the plan still uses %s", d.Name)
	}
	f.probes.Add(2)
	return carrier.Placed{Backend: "postgresql", Measured: &carrier.Measurement{
		Method: "explain", Address: d.Name, Probes: 1, BeforeMS: before.Time, AfterMS: after.Time, AddedMS: after.Time - before.Time,
		Saw: fmt.Sprintf("%.200s: %s in %.2f ms, before %s in %.2f ms", f.query, after.Plan, after.Time, before.Plan, before.Time),
	}}, nil
}

// choose finds a statement whose plan uses the index.
func (f *index) choose(ctx context.Context, c *pgx.Conn, d *droppedIndex) (explained, error) {
	candidates := []string{f.fault.Query}
	if f.fault.Query == "" {
		var err error
		if candidates, err = d.queries(ctx, c); err != nil {
			return explained{}, err
		}
	}
	for _, q := range candidates {
		e, err := explainQuery(ctx, c, q)
		if err != nil {
			return e, err
		}
		if e.uses(d.bare) {
			f.query = q
			return e, nil
		}
	}
	return explained{}, &carrier.Error{Code: carrier.NoProbe, Message: fmt.Sprintf("no plan uses %s, so nobody would feel that it is gone; tried %.300q", d.Name, candidates),
		Remedy: "give a statement of yours that uses it: --param query='SELECT ...'"}
}

// Take builds the index again, and finds its definition as before and a plan that uses it.
func (f *index) Take(ctx context.Context) error {
	if f.undo == nil {
		return nil
	}
	c, err := f.postgres(ctx, application)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	d := f.undo.Index
	if err := f.back(ctx, c); err != nil {
		return err
	}
	found, err := find(ctx, c, "index", d.Name)
	if err != nil {
		return noProbe(err) // somebody has dropped the table meanwhile
	}
	now, err := define(ctx, c, found)
	if err != nil {
		return err
	}
	if now.Definition != d.Definition || now.Comment != d.Comment || now.Tablespace != d.Tablespace || now.Clustered != d.Clustered {
		return carrier.Errorf(carrier.NoProbe, "somebody made %s as %s; it was %s", d.Name, now.Definition, d.Definition)
	}
	e, err := explainQuery(ctx, c, f.query)
	if err != nil {
		return noProbe(err)
	}
	if !e.uses(d.bare) {
		return carrier.Errorf(carrier.NoProbe, "%s is back as it was; the plan uses %s now", d.Name, e.Plan)
	}
	f.See(&carrier.Measurement{Method: "explain", Address: d.Name, Probes: 1, AfterMS: e.Time, Saw: fmt.Sprintf("%.200s: %s in %.2f ms", f.query, e.Plan, e.Time)})
	return nil
}

// droppedIndex is all there is to know about an index.
type droppedIndex struct {
	Name         string        `json:"name"`  // qualified and quoted
	Table        string        `json:"table"` // likewise
	Definition   string        `json:"definition"`
	Comment      string        `json:"comment,omitempty"`
	Tablespace   string        `json:"tablespace,omitempty"`
	Clustered    bool          `json:"clustered,omitempty"`
	Expressions  bool          `json:"expressions,omitempty"` // it has statistics of its own
	Targets      map[int16]int `json:"targets,omitempty"`     // of the statistics, by column
	Concurrently bool          `json:"concurrently,omitempty"`

	bare, method, first, predicate string
}

// define reads an index from the catalogue and refuses what cannot be put back exactly.
func define(ctx context.Context, c *pgx.Conn, r relation) (*droppedIndex, error) {
	d := &droppedIndex{Name: r.name}
	var refuse string
	err := c.QueryRow(ctx, `SELECT format('%I.%I', tn.nspname, t.relname), i.relname, am.amname,
			pg_get_indexdef(x.indexrelid), pg_get_indexdef(x.indexrelid, 1, false), coalesce(pg_get_expr(x.indpred, x.indrelid), ''),
			coalesce(obj_description(x.indexrelid, 'pg_class'), ''), coalesce(s.spcname, ''), x.indisclustered, x.indexprs IS NOT NULL,
			(SELECT coalesce(jsonb_object_agg(attnum, attstattarget), '{}') FROM pg_attribute WHERE attrelid = i.oid AND attstattarget >= 0),
			concat_ws(', ',
				CASE WHEN x.indisprimary THEN 'it is a primary key' END,
				CASE WHEN EXISTS (SELECT FROM pg_constraint WHERE conindid = i.oid) THEN 'a constraint needs it' END,
				CASE WHEN x.indisunique THEN 'it is unique: what comes in without it may keep it out for ever' END,
				CASE WHEN x.indisreplident THEN 'it is the replica identity' END,
				CASE WHEN NOT x.indisvalid THEN 'it is not valid' END,
				CASE WHEN i.relkind = 'I' OR i.relispartition THEN 'it belongs to a partitioned table' END,
				CASE WHEN t.relpersistence = 't' THEN 'its table is temporary' END,
				CASE WHEN EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_class'::regclass AND refobjid = i.oid
					OR classid = 'pg_class'::regclass AND objid = i.oid AND deptype IN ('e', 'x')) THEN 'something else depends on it' END)
		FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
			JOIN pg_namespace tn ON tn.oid = t.relnamespace JOIN pg_am am ON am.oid = i.relam LEFT JOIN pg_tablespace s ON s.oid = i.reltablespace
		WHERE x.indexrelid = $1`, r.oid).Scan(&d.Table, &d.bare, &d.method, &d.Definition, &d.first, &d.predicate, &d.Comment, &d.Tablespace,
		&d.Clustered, &d.Expressions, &d.Targets, &refuse)
	if err == pgx.ErrNoRows {
		return nil, carrier.Errorf(carrier.BadRequest, "%s is not an index", r.name)
	}
	if err != nil {
		return nil, fmt.Errorf("look at index %s: %w", r.name, err)
	}
	if refuse != "" {
		return nil, &carrier.Error{Code: carrier.Refused, Message: fmt.Sprintf("index %s cannot be dropped and put back exactly: %s", r.name, refuse),
			Remedy: "choose one that only makes statements faster"}
	}
	return d, nil
}

// putBack builds the index again, in one transaction with the end of its undo. One that
// somebody has made meanwhile stays.
func (d *droppedIndex) putBack(ctx context.Context, c *pgx.Conn, id string) error {
	if d.Concurrently {
		if err := d.buildConcurrently(ctx, c); err != nil {
			return err
		}
	}
	return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		var mine bool
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7021845, 1)"); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT to_regclass('faultlab.kept') IS NOT NULL").Scan(&mine); err != nil || !mine {
			return err
		}
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM faultlab.kept WHERE id = $1)", id).Scan(&mine); err != nil || !mine {
			return err // it is back already
		}
		if err := d.build(ctx, tx); err != nil {
			return err
		}
		return erase(ctx, tx, id)
	})
}

func (d *droppedIndex) build(ctx context.Context, tx pgx.Tx) error {
	var there, table bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL, to_regclass($2) IS NOT NULL", d.Name, d.Table).Scan(&there, &table); err != nil || !table {
		return err
	}
	// To build an index counts the table's rows again, which would heal a stale count.
	var rows float32
	if err := tx.QueryRow(ctx, "SELECT reltuples FROM pg_class WHERE oid = to_regclass($1)", d.Table).Scan(&rows); err != nil {
		return err
	}
	stale, err := isStale(ctx, tx, d.Table)
	if err != nil {
		return err
	}
	if !there {
		if _, err := tx.Exec(ctx, "SET LOCAL default_tablespace = "+literal(d.Tablespace)+"; "+d.Definition); err != nil {
			return err
		}
	}
	var rest []string
	if !there || d.Concurrently {
		rest = d.finish()
	}
	if d.Expressions && !stale && !there {
		rest = append(rest, "ANALYZE "+d.Table)
	}
	if stale {
		rest = append(rest, fmt.Sprintf("UPDATE pg_class SET reltuples = %v WHERE oid = %s::regclass", rows, literal(d.Table)))
	}
	for _, s := range rest {
		if _, err := tx.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// finish are the statements after CREATE INDEX.
func (d *droppedIndex) finish() []string {
	var out []string
	if d.Comment != "" {
		out = append(out, "COMMENT ON INDEX "+d.Name+" IS "+literal(d.Comment))
	}
	if d.Clustered {
		out = append(out, "ALTER TABLE "+d.Table+" CLUSTER ON "+bareOf(d.Name))
	}
	for column, target := range d.Targets {
		out = append(out, fmt.Sprintf("ALTER INDEX %s ALTER COLUMN %d SET STATISTICS %d", d.Name, column, target))
	}
	return out
}
