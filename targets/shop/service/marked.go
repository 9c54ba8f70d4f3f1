package service

import (
	"cmp"
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/trace"
)

// PostgreSQL tells in its log, and in pg_stat_activity, the application_name of who
// sent a statement. For a request that is traced that is the service's name and the id
// of the trace: so a slow statement, or one that waits for a lock, is found by the id.
// A comment in the statement would do the same, but make every statement another one,
// which has to be planned anew; planning a search takes longer than running it. The
// name is set in the same round trip, and only for the transaction; as a value of a
// SELECT, because pg_stat_statements would count every SET as another statement.
const (
	markSQL     = "-- name: mark\nSELECT set_config('application_name', $1, true)"
	beginMarked = "begin; select set_config('application_name', '"
)

// mark is the application_name of a statement; "" for one that no trace is about.
func (d *Database) mark(ctx context.Context) string {
	c := trace.SpanContextFromContext(ctx)
	if !c.IsSampled() {
		return ""
	}
	return d.application + " " + c.TraceID().String()
}

// Application is the application_name that tells of ctx's trace, where there is one: for
// those who keep a connection for longer than a transaction.
func (d *Database) Application(ctx context.Context) string {
	return cmp.Or(d.mark(ctx), d.application)
}

// Query is Query of [pgxpool.Pool].
func (d *Database) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	mark := d.mark(ctx)
	if mark == "" {
		return d.Pool.Query(ctx, sql, args...)
	}
	var b pgx.Batch
	b.Queue(markSQL, mark)
	b.Queue(sql, args...)
	results := d.SendBatch(ctx, &b)
	if _, err := results.Exec(); err != nil {
		_ = results.Close() // says the same
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close()
		return rows, err
	}
	return &markedRows{rows, results}, nil
}

// markedRows are rows that came with their mark.
type markedRows struct {
	pgx.Rows
	batch pgx.BatchResults
}

// Close ends the batch too, which gives the connection back.
func (r *markedRows) Close() {
	r.Rows.Close()
	_ = r.batch.Close() // Err says the same
}

// Next is Next of [pgx.Rows].
func (r *markedRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// QueryRow is QueryRow of [pgxpool.Pool].
func (d *Database) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if d.mark(ctx) == "" {
		return d.Pool.QueryRow(ctx, sql, args...)
	}
	rows, err := d.Query(ctx, sql, args...)
	return markedRow{rows, err}
}

type markedRow struct {
	rows pgx.Rows
	err  error
}

// Scan is Scan of [pgx.Row].
func (r markedRow) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// Exec is Exec of [pgxpool.Pool].
func (d *Database) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if d.mark(ctx) == "" {
		return d.Pool.Exec(ctx, sql, args...)
	}
	rows, err := d.Query(ctx, sql, args...)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

// InTx runs do in a transaction, which is rolled back when it gives an error.
func (d *Database) InTx(ctx context.Context, do func(pgx.Tx) error) error {
	var o pgx.TxOptions
	if mark := d.mark(ctx); mark != "" { // letters, a blank, and hex digits
		o.BeginQuery = beginMarked + mark + "', true)"
	}
	return pgx.BeginTxFunc(ctx, d.Pool, o, do)
}
