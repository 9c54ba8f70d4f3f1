package checkout

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/service"
)

// told makes of an update of orders one that puts what becomes paid into the outbox with
// it, where there is one: neither can be without the other. Both affect as many rows.
// The message names the trace of the update, so that it is followed to who handles it.
func (s *store) told(ctx context.Context, update string, args ...any) (string, []any) {
	if !s.outbox {
		return update, args
	}
	name, update, _ := strings.Cut(update, "\n")
	return name + "\nWITH settled AS (" + update + `
    RETURNING id, key, tenant, region, state, total_cents, changed_at
), told AS (INSERT INTO outbox (order_id, traceparent, body)
SELECT id, nullif($` + strconv.Itoa(len(args)+1) + `, ''), jsonb_build_object('id', id, 'key', key, 'tenant', tenant, 'region', region, 'total_cents', total_cents,
    'items', (SELECT sum(quantity) FROM order_lines WHERE order_id = settled.id), 'paid_at', changed_at)
FROM settled WHERE state = 'paid')
SELECT 1 FROM settled`, append(args, service.Traceparent(ctx))
}

// relayLock is the advisory lock of the one checkout that relays.
const relayLock = 0x6f7574626f78 // "outbox"

const lockRelaySQL = `-- name: lock relay
SELECT pg_try_advisory_xact_lock($1)`

// What was sent stays until it was handled, because the queue's memory may be lost.
const unsentSQL = `-- name: unsent
SELECT id, body::text, coalesce(traceparent, ''), coalesce(sent_at > now() - interval '2 seconds', false)
FROM outbox WHERE sent_to IS DISTINCT FROM $1 ORDER BY id LIMIT $2`

const sentSQL = `-- name: sent
UPDATE outbox SET sent_to = $1, sent_at = now() WHERE id = ANY($2)`

const backlogSQL = `-- name: backlog
SELECT count(*) FILTER (WHERE sent_to IS NULL), count(*),
    coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM outbox`

// paidMessage is a message of the outbox.
type paidMessage struct{ body, traceparent string }

// backlog is what the outbox holds.
type backlog struct {
	unsent, all int64
	oldest      float64 // seconds
}

// relayed has send take up to limit messages that this run of the queue has not got, in
// the order of their ids, and notes that they were sent. When anything fails they are sent
// again. It does nothing while another checkout relays.
func (s *store) relayed(ctx context.Context, run string, limit int, send func([]paidMessage) error) (int, error) {
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
		var messages []paidMessage
		var id int64
		var m paidMessage
		var justSent, wait bool
		if _, err = pgx.ForEachRow(rows, []any{&id, &m.body, &m.traceparent, &justSent}, func() error {
			// To another run, a moment ago: checkouts that mean different queues must not
			// send all the time. What comes after it waits too, for the order.
			if wait = wait || justSent; !wait {
				ids, messages = append(ids, id), append(messages, m)
			}
			return nil
		}); err != nil || len(ids) == 0 {
			return err
		}
		if err := send(messages); err != nil {
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
