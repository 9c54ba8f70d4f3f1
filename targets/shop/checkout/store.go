package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// errNoProduct says that an order names a product that is not sold.
var errNoProduct = errors.New("an order names a product that is not sold")

// store keeps orders in PostgreSQL.
type store struct {
	pool   *service.Database
	outbox bool   // whether paid orders go into the outbox
	first  string // the first of the listed providers, which a new order belongs to; empty: there is no list
}

// The key is unique, so two attempts at the same order cannot both be taken.
const takeSQL = `-- name: take order
INSERT INTO orders (key, tenant, region, state, total_cents) VALUES ($1, $2, $3, 'pending', 0)
ON CONFLICT (key) DO NOTHING RETURNING id`

const linesSQL = `-- name: lines
INSERT INTO order_lines (order_id, product_id, quantity, price_cents)
SELECT $1, p.id, l.quantity, p.price_cents
FROM unnest($2::bigint[], $3::integer[]) AS l (product_id, quantity) JOIN products p ON p.id = l.product_id`

const totalSQL = `-- name: total
UPDATE orders SET total_cents = (SELECT sum(quantity * price_cents) FROM order_lines WHERE order_id = $1)
WHERE id = $1`

const findSQL = `-- name: find order
SELECT key, state, total_cents, created_at FROM orders WHERE key = $1`

// What is final stays.
const settleSQL = `-- name: settle order
UPDATE orders SET state = $2, charge_id = $3, changed_at = now() WHERE key = $1 AND state = 'pending'`

const pendingSQL = `-- name: pending orders
SELECT key FROM orders WHERE state = 'pending' AND created_at < now() - $1::interval ORDER BY created_at LIMIT $2`

// take writes an order down, or gives the one that is there with the key.
func (s *store) take(ctx context.Context, r api.OrderRequest, tenant, region string) (api.Order, error) {
	var ids []int64
	var quantities []int32
	for _, l := range r.Lines {
		ids, quantities = append(ids, l.ProductID), append(quantities, int32(l.Quantity))
	}
	err := s.pool.InTx(ctx, func(tx pgx.Tx) error {
		var id int64
		insert, args := takeSQL, []any{r.Key, tenant, region}
		if s.first != "" {
			insert, args = takeListedSQL, append(args, s.first)
		}
		err := tx.QueryRow(ctx, insert, args...).Scan(&id)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil // it is there
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, linesSQL, id, ids, quantities)
		if err != nil {
			return err
		}
		if tag.RowsAffected() != int64(len(r.Lines)) {
			return errNoProduct
		}
		_, err = tx.Exec(ctx, totalSQL, id)
		return err
	})
	if err != nil {
		return api.Order{}, fmt.Errorf("take order: %w", err)
	}
	return s.find(ctx, r.Key)
}

func (s *store) find(ctx context.Context, key string) (api.Order, error) {
	var o api.Order
	err := s.pool.QueryRow(ctx, findSQL, key).Scan(&o.Key, &o.State, &o.TotalCents, &o.CreatedAt)
	if err != nil {
		return o, fmt.Errorf("find order: %w", err)
	}
	return o, nil
}

// settle gives a pending order its final state.
func (s *store) settle(ctx context.Context, key string, state api.OrderState, chargeID string) error {
	sql, args := s.told(ctx, settleSQL, key, state, chargeID)
	if _, err := s.pool.Exec(ctx, sql, args...); err != nil {
		return fmt.Errorf("settle order: %w", err)
	}
	return nil
}

// pending gives keys of orders that have waited for long, the oldest first.
func (s *store) pending(ctx context.Context, after time.Duration, limit int) ([]string, error) {
	rows, err := s.pool.Query(ctx, pendingSQL, after, limit)
	if err != nil {
		return nil, fmt.Errorf("find pending orders: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find pending orders: %w", err)
	}
	return keys, nil
}
