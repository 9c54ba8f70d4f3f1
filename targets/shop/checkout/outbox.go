package checkout

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// settleAndTellSQL is settleSQL, and what becomes paid goes into the outbox with it:
// neither can be without the other.
const settleAndTellSQL = `-- name: settle order
WITH settled AS (
    UPDATE orders SET state = $2, charge_id = $3, changed_at = now() WHERE key = $1 AND state = 'pending'
    RETURNING id, key, tenant, region, state, total_cents, changed_at
)
INSERT INTO outbox (order_id, body)
SELECT id, jsonb_build_object('id', id, 'key', key, 'tenant', tenant, 'region', region, 'total_cents', total_cents,
    'items', (SELECT sum(quantity) FROM order_lines WHERE order_id = settled.id), 'paid_at', changed_at)
FROM settled WHERE state = 'paid'`

// relayLock is the advisory lock of the one checkout that relays.
const relayLock = 0x6f7574626f78 // "outbox"

const lockRelaySQL = `SELECT pg_try_advisory_xact_lock($1)`

// What was sent stays until it was handled, because the queue's memory may be lost.
const unsentSQL = `SELECT id, body::text, coalesce(sent_at > now() - interval '2 seconds', false)
FROM outbox WHERE sent_to IS DISTINCT FROM $1 ORDER BY id LIMIT $2`

const sentSQL = `UPDATE outbox SET sent_to = $1, sent_at = now() WHERE id = ANY($2)`

const backlogSQL = `SELECT count(*) FILTER (WHERE sent_to IS NULL), count(*),
    coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM outbox`

// backlog is what the outbox holds.
type backlog struct {
	unsent, all int64
	oldest      float64 // seconds
}

// relayed has send take up to limit messages that this run of the queue has not got, in
// the order of their ids, and notes that they were sent. When anything fails they are sent
// again. It does nothing while another checkout relays.
func (s *store) relayed(ctx context.Context, run string, limit int, send func(bodies []string) error) (int, error) {
	var ids []int64
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		var mine bool
		if err := tx.QueryRow(ctx, lockRelaySQL, int64(relayLock)).Scan(&mine); err != nil || !mine {
			return err
		}
		rows, err := tx.Query(ctx, unsentSQL, run, limit)
		if err != nil {
			return err
		}
		var bodies []string
		var id int64
		var body string
		var justSent, wait bool
		if _, err = pgx.ForEachRow(rows, []any{&id, &body, &justSent}, func() error {
			// To another run, a moment ago: checkouts that mean different queues must not
			// send all the time. What comes after it waits too, for the order.
			if wait = wait || justSent; !wait {
				ids, bodies = append(ids, id), append(bodies, body)
			}
			return nil
		}); err != nil || len(ids) == 0 {
			return err
		}
		if err := send(bodies); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, sentSQL, run, ids)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("relay the outbox: %w", err)
	}
	return len(ids), nil
}

// backlog says what waits in the outbox.
func (s *store) backlog(ctx context.Context) (backlog, error) {
	var b backlog
	if err := s.pool.QueryRow(ctx, backlogSQL).Scan(&b.unsent, &b.all, &b.oldest); err != nil {
		return b, fmt.Errorf("count the outbox: %w", err)
	}
	return b, nil
}
