package shipping

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// store keeps shipments in PostgreSQL.
type store struct {
	pool *service.Database
}

const orderSQL = `-- name: order
SELECT key, state, total_cents, tenant, region FROM orders WHERE id = $1`

// An order that was shipped is not shipped again, however often it is told.
const shipSQL = `-- name: ship
INSERT INTO shipments (order_id, tenant, region, items) VALUES ($1, $2, $3, $4) ON CONFLICT (order_id) DO NOTHING`

// Checkout sends what is in its outbox again when the queue's memory was lost.
const handledSQL = `-- name: handled
DELETE FROM outbox WHERE order_id = $1`

const parkedSQL = `-- name: handled
DELETE FROM outbox WHERE order_id = $1 AND body::text = $2`

const parkSQL = `-- name: park
INSERT INTO parked (stream, message_id, message, reason, deliveries) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (stream, message_id) DO NOTHING`

// ship writes the shipment of a paid order down once. again says that it was there.
func (s *store) ship(ctx context.Context, o api.PaidOrder) (again bool, err error) {
	err = s.pool.InTx(ctx, func(tx pgx.Tx) error {
		var key, state, tenant, region string
		var total int64
		err := tx.QueryRow(ctx, orderSQL, o.ID).Scan(&key, &state, &total, &tenant, &region)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return bad("there is no order %d", o.ID)
		case err != nil:
			return err
		case key != o.Key || total != o.TotalCents:
			return bad("order %d is another one: key %s over %d", o.ID, key, total)
		case state != string(api.Paid):
			return bad("order %d is %s; want %s", o.ID, state, api.Paid)
		}
		tag, err := tx.Exec(ctx, shipSQL, o.ID, tenant, region, o.Items)
		if err != nil {
			return err
		}
		again = tag.RowsAffected() == 0
		_, err = tx.Exec(ctx, handledSQL, o.ID)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("ship order: %w", err)
	}
	return again, nil
}

// park writes a message down that cannot be handled. Checkout need not send it again; the
// same order in another message is not concerned.
func (s *store) park(ctx context.Context, stream string, m message, reason string) error {
	err := s.pool.InTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, parkSQL, stream, m.id, m.text(), clean(reason), m.deliveries); err != nil {
			return err
		}
		o, _ := m.order()
		told, _ := m.values[api.OrderField].(string)
		_, err := tx.Exec(ctx, parkedSQL, o.ID, clean(told))
		return err
	})
	if err != nil {
		return fmt.Errorf("park message: %w", err)
	}
	return nil
}

// clean gives text that PostgreSQL takes, which has no zero bytes.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// lies says that a failure lies in the message, so that another attempt is one of those
// it has. The others are the database's.
func lies(err error) bool {
	var message *badMessage
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &message):
		return true
	case errors.As(err, &pg):
		return strings.HasPrefix(pg.Code, "22") || strings.HasPrefix(pg.Code, "23") // data, integrity
	}
	return false
}
