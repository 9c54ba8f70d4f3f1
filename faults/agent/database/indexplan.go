package database

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"faultlab/faults/agent/carrier"
)

// literal writes a string as SQL has it.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// bareOf is the last part of a quoted, qualified name.
func bareOf(name string) string {
	quoted := false
	for i, r := range name {
		switch {
		case r == '"':
			quoted = !quoted
		case r == '.' && !quoted:
			return name[i+1:]
		}
	}
	return name
}

// buildConcurrently builds the index without blocking writes. One that an earlier
// try left half done is dropped first.
func (d *droppedIndex) buildConcurrently(ctx context.Context, c *pgx.Conn) error {
	var table, there, valid bool
	err := c.QueryRow(ctx, `SELECT to_regclass($2) IS NOT NULL, to_regclass($1) IS NOT NULL,
		coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)), false)`, d.Name, d.Table).Scan(&table, &there, &valid)
	if err != nil || !table || valid {
		return err
	}
	if stale, err := isStale(ctx, c, d.Table); err != nil || stale {
		return err // only a transaction can keep the stale count of rows
	}
	rest := []string{"SET default_tablespace = " + literal(d.Tablespace), "SET lock_timeout = 0"}
	if there {
		rest = append(rest, "DROP INDEX CONCURRENTLY "+d.Name)
	}
	rest = append(rest, strings.Replace(d.Definition, "CREATE INDEX ", "CREATE INDEX CONCURRENTLY ", 1), "SET lock_timeout = '3s'")
	if d.Expressions {
		rest = append(rest, "ANALYZE "+d.Table)
	}
	for _, s := range rest {
		if _, err := c.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// queries are statements that an index on the first column, or the first lexeme, should serve.
func (d *droppedIndex) queries(ctx context.Context, c *pgx.Conn) ([]string, error) {
	where := "(" + d.first + ") IS NOT NULL"
	and := ""
	if d.predicate != "" {
		and = " AND (" + d.predicate + ")"
	}
	rows := "SELECT " + d.first + " AS v FROM " + d.Table + " WHERE " + where + and + " LIMIT 10000"
	var kind string
	err := c.QueryRow(ctx, "SELECT pg_typeof(v)::text FROM ("+rows+") AS r LIMIT 1").Scan(&kind)
	if err == pgx.ErrNoRows {
		return nil, &carrier.Error{Code: carrier.NoProbe, Message: "the table of " + d.Name + " has no row that the index holds", Remedy: "fill it first"}
	}
	if err != nil {
		return nil, fmt.Errorf("look for a statement that uses %s: %w", d.Name, err)
	}
	var values string
	switch {
	case d.method == "btree" || d.method == "hash":
		values = "SELECT format('SELECT * FROM %s WHERE %s = %L', $1::text, $2::text, v::text) FROM (" + rows + ") AS r GROUP BY v ORDER BY count(*) LIMIT 3"
	case kind == "tsvector":
		values = "SELECT format('SELECT * FROM %s WHERE %s @@ %L::tsquery', $1::text, $2::text, quote_literal(w)) FROM (SELECT unnest(tsvector_to_array(v)) AS w FROM (" + rows + ") AS r) AS l GROUP BY w ORDER BY count(*) LIMIT 3"
	default:
		return nil, &carrier.Error{Code: carrier.BadRequest, Message: fmt.Sprintf("it is not known which statement uses %s, an index of method %s on %s", d.Name, d.method, kind),
			Remedy: "give one: --param query='SELECT ...'"}
	}
	found, err := c.Query(ctx, values, d.Table, d.first)
	if err != nil {
		return nil, fmt.Errorf("look for a statement that uses %s: %w", d.Name, err)
	}
	list, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for a statement that uses %s: %w", d.Name, err)
	}
	for i := range list {
		list[i] += and
	}
	if d.method == "btree" {
		list = append(list, "SELECT * FROM "+d.Table+" WHERE "+where+and+" ORDER BY "+d.first+" LIMIT 10")
	}
	return list, nil
}

// explained is a plan with the time that it took.
type explained struct {
	Plan node
	Time float64 // milliseconds
}

// node is one step of a plan, as EXPLAIN (FORMAT JSON) writes it.
type node struct {
	Type  string  `json:"Node Type"`
	Index string  `json:"Index Name"`
	Table string  `json:"Relation Name"`
	Rows  float64 `json:"Plan Rows"`
	Plans []node  `json:"Plans"`
}

// all are the steps of a plan.
func (n node) all() []node {
	out := []node{n}
	for _, p := range n.Plans {
		out = append(out, p.all()...)
	}
	return out
}

// String names the steps that read something.
func (n node) String() string {
	var out []string
	for _, s := range n.all() {
		switch {
		case s.Index != "":
			out = append(out, s.Type+" on "+s.Index)
		case s.Table != "" && len(s.Plans) == 0:
			out = append(out, s.Type+" on "+s.Table)
		}
	}
	return strings.Join(out, ", ")
}

func (e explained) uses(index string) bool {
	return slices.ContainsFunc(e.Plan.all(), func(n node) bool { return n.Index == index })
}

// explainQuery plans a statement and runs it twice, without a trace: in a transaction
// that may only read. The second time counts. One that takes longer than 10 s is only planned.
func explainQuery(ctx context.Context, c *pgx.Conn, query string) (explained, error) {
	run := func(options string) (e explained, err error) {
		tx, err := c.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
		if err != nil {
			return e, err
		}
		defer tx.Rollback(ctx)
		if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '10s'"); err != nil {
			return e, err
		}
		var text string
		// The extended protocol takes one statement and no more.
		if err := tx.QueryRow(ctx, "EXPLAIN ("+options+"FORMAT JSON) "+query, pgx.QueryExecModeExec).Scan(&text); err != nil {
			return e, err
		}
		var plans []struct {
			Plan node
			Time float64 `json:"Execution Time"`
		}
		if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
			return e, fmt.Errorf("read the plan %.100q: %w", text, err)
		}
		return explained{plans[0].Plan, plans[0].Time}, nil
	}
	e, err := run("ANALYZE, TIMING OFF, ")
	if err == nil {
		e, err = run("ANALYZE, TIMING OFF, ")
	}
	if code(err) == "57014" { // cancelled by the timeout
		e, err = run("")
		e.Time = 10_000
	}
	if err != nil {
		return e, explain(fmt.Sprintf("plan %.200q", query), err)
	}
	return e, nil
}
