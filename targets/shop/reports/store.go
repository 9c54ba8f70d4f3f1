package reports

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"faultlab/targets/shop/service"
)

// errRunning says that a report is being made already.
var errRunning = errors.New("another run is not finished")

// store is what reports reads and writes in PostgreSQL.
type store struct {
	pool    *service.Database
	replica *service.Database // nil: there is none
}

// reportLock is the advisory lock of the one run.
const reportLock = 0x7265706f727473 // "reports"

const lockSQL = `-- name: lock
SELECT pg_try_advisory_lock($1)`

const unlockSQL = `-- name: unlock
SELECT pg_advisory_unlock($1), set_config('application_name', $2, false)`

// The database's log tells the trace of the run with each of its statements.
const sessionSQL = `-- name: session
SELECT set_config('statement_timeout', $1, false), set_config('application_name', $2, false)`

// Who has the lock knows that no other run goes on.
const cutOffSQL = `-- name: cut off
UPDATE report_runs SET finished_at = now(), error = 'cut off' WHERE finished_at IS NULL`

const beginSQL = `-- name: begin run
INSERT INTO report_runs DEFAULT VALUES RETURNING id`

const endSQL = `-- name: end run
UPDATE report_runs SET finished_at = now(), rows = $2, error = $3 WHERE id = $1`

const lastSQL = `-- name: last run
SELECT started_at, finished_at, rows FROM report_runs
WHERE finished_at IS NOT NULL AND error IS NULL ORDER BY id DESC LIMIT 1`

const highestSQL = `-- name: highest order
SELECT coalesce(max(id), 0) FROM orders`

const newestSQL = `-- name: newest order
SELECT max(created_at) FROM orders WHERE id > $1 AND id <= $2`

const salesSQL = `-- name: sales
SELECT (created_at AT TIME ZONE 'UTC')::date, region, count(*), sum(total_cents)::bigint
FROM orders WHERE id > $1 AND id <= $2 AND state = 'paid' AND created_at >= $3
GROUP BY 1, 2`

const productsSQL = `-- name: products
SELECT (o.created_at AT TIME ZONE 'UTC')::date, l.product_id,
    sum(l.quantity)::bigint, sum(l.quantity::bigint * l.price_cents)::bigint
FROM orders o JOIN order_lines l ON l.order_id = o.id
WHERE o.id > $1 AND o.id <= $2 AND o.state = 'paid' AND o.created_at >= $3
GROUP BY 1, 2`

const forgetSalesSQL = `-- name: forget sales
DELETE FROM report_sales WHERE day >= $1`

const forgetProductsSQL = `-- name: forget products
DELETE FROM report_products WHERE day >= $1`

// past is a run that ended well; zero: there is none.
type past struct {
	started, finished time.Time
	rows              int64
}

func (s *store) last(ctx context.Context) (past, error) {
	var p past
	err := s.pool.QueryRow(ctx, lastSQL).Scan(&p.started, &p.finished, &p.rows)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return p, fmt.Errorf("find the last run: %w", err)
	}
	return p, nil
}

// turn is the right to make the report, which nobody else has meanwhile. It ends with its
// connection.
type turn struct {
	store  *store
	conn   *pgxpool.Conn
	orders *pgxpool.Conn // reads orders: conn, or one of the replica's
	run    int64
}

// begin takes the turn and puts the run on record; errRunning says that another has it.
func (s *store) begin(ctx context.Context, statement time.Duration) (*turn, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin the report: %w", err)
	}
	t := &turn{store: s, conn: conn, orders: conn}
	var mine bool
	if err = conn.QueryRow(ctx, lockSQL, int64(reportLock)).Scan(&mine); err == nil && !mine {
		conn.Release()
		return nil, errRunning
	}
	if err == nil {
		_, err = conn.Exec(ctx, sessionSQL, strconv.FormatInt(statement.Milliseconds(), 10), s.pool.Application(ctx))
	}
	if err == nil {
		_, err = conn.Exec(ctx, cutOffSQL)
	}
	if err == nil {
		err = conn.QueryRow(ctx, beginSQL).Scan(&t.run)
	}
	if err != nil {
		t.leave(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("begin the report: %w", err)
	}
	return t, nil
}

// end puts on record how the run ended, and gives the turn to others.
func (t *turn) end(ctx context.Context, rows int, failure error) error {
	defer t.leave(ctx)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var text *string
	if failure != nil {
		s := failure.Error()
		text = &s
	}
	// Not by the turn's connection, which may be what failed.
	if _, err := t.store.pool.Exec(ctx, endSQL, t.run, rows, text); err != nil {
		return fmt.Errorf("end the report: %w", err)
	}
	return nil
}

// leave gives up the lock, if need be with the connection.
func (t *turn) leave(ctx context.Context) {
	if t.orders != t.conn {
		giveBack(ctx, t.orders)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := t.conn.Exec(ctx, unlockSQL, int64(reportLock), Name); err != nil {
		_ = t.conn.Conn().Close(ctx)
	}
	t.conn.Release()
}

// highest is the highest id of an order.
func (t *turn) highest(ctx context.Context) (id int64, err error) {
	if err := t.orders.QueryRow(ctx, highestSQL).Scan(&id); err != nil {
		return 0, fmt.Errorf("find the newest order: %w", err)
	}
	return id, nil
}

// read adds to totals the paid orders with ids above low and up to high that were made
// since a time, all as they were at one moment.
func (t *turn) read(ctx context.Context, into *totals, low, high int64, since time.Time) (newest time.Time, err error) {
	moment := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, t.orders, moment, func(tx pgx.Tx) error {
		var at *time.Time
		if err := tx.QueryRow(ctx, newestSQL, low, high).Scan(&at); err != nil {
			return err
		}
		if at == nil {
			return nil
		}
		newest = *at
		rows, err := tx.Query(ctx, salesSQL, low, high, since)
		if err != nil {
			return err
		}
		var p place
		var a article
		var s sum
		if _, err = pgx.ForEachRow(rows, []any{&p.day, &p.region, &s.count, &s.cents}, func() error {
			into.sales[p] = into.sales[p].plus(s)
			return nil
		}); err != nil {
			return err
		}
		if rows, err = tx.Query(ctx, productsSQL, low, high, since); err != nil {
			return err
		}
		_, err = pgx.ForEachRow(rows, []any{&a.day, &a.id, &s.count, &s.cents}, func() error {
			into.products[a] = into.products[a].plus(s)
			return nil
		})
		return err
	})
	return newest, err
}

// write puts totals in the place of what was reported since a time, at once.
func (t *turn) write(ctx context.Context, since time.Time, of *totals, top int) (rows int, err error) {
	var sales, products [][]any
	for p, s := range of.sales {
		sales = append(sales, []any{p.day, p.region, s.count, s.cents, t.run})
	}
	for _, r := range of.top(top) {
		products = append(products, []any{r.day, r.rank, r.id, r.count, r.cents, t.run})
	}
	err = pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error {
		for _, sql := range []string{forgetSalesSQL, forgetProductsSQL} {
			if _, err := tx.Exec(ctx, sql, since); err != nil {
				return err
			}
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"report_sales"},
			[]string{"day", "region", "orders", "total_cents", "run_id"}, pgx.CopyFromRows(sales)); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"report_products"},
			[]string{"day", "rank", "product_id", "quantity", "total_cents", "run_id"}, pgx.CopyFromRows(products))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write the report: %w", err)
	}
	return len(sales) + len(products), nil
}
