package checkout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/api"
)

// holding says which provider may hold the charge of a pending order. Every change of it
// names what it was before, so that of two who work on the same order one is too late.
type holding struct {
	provider string
	asked    int  // times it was asked, or was about to be
	free     bool // it is known that the provider has no charge and will take none
}

// errMoved says that somebody else has decided an order, or given it to another provider.
var errMoved = errors.New("the order was taken forward by another request")

const takeListedSQL = `-- name: take order
INSERT INTO orders (key, tenant, region, state, total_cents, provider, charge_attempts)
VALUES ($1, $2, $3, 'pending', 0, $4, 0) ON CONFLICT (key) DO NOTHING RETURNING id`

// Of an order from before there was a list nobody knows how often it was charged.
const heldSQL = `-- name: find order
SELECT key, state, total_cents, created_at, coalesce(provider, $2), coalesce(charge_attempts, 1)
FROM orders WHERE key = $1`

const askSQL = `-- name: ask provider
UPDATE orders SET provider = $2, charge_attempts = coalesce(charge_attempts, 1) + 1
WHERE key = $1 AND state = 'pending' AND coalesce(provider, $3) = $2 RETURNING charge_attempts`

const moveSQL = `-- name: ask another provider
UPDATE orders SET provider = $2, charge_attempts = 1
WHERE key = $1 AND state = 'pending' AND coalesce(provider, $3) = $4 AND ($5 OR coalesce(charge_attempts, 1) = $6)
RETURNING charge_attempts`

const concludeSQL = `-- name: settle order
UPDATE orders SET state = $2, charge_id = $3, provider = $4, changed_at = now()
WHERE key = $1 AND state = 'pending' AND coalesce(provider, $5) = $4`

const pendingAtSQL = `-- name: pending orders
SELECT key FROM orders
WHERE state = 'pending' AND created_at < now() - $1::interval AND coalesce(provider, $2) = $3 ORDER BY created_at LIMIT $4`

const strandedSQL = `-- name: stranded orders
SELECT count(*) FROM orders
WHERE state = 'pending' AND created_at < now() - $1::interval AND coalesce(provider, $2) <> ALL ($3::text[])`

// held reads an order and who holds it.
func (s *store) held(ctx context.Context, key string) (api.Order, holding, error) {
	var o api.Order
	var h holding
	err := s.pool.QueryRow(ctx, heldSQL, key, s.first).Scan(&o.Key, &o.State, &o.TotalCents, &o.CreatedAt, &h.provider, &h.asked)
	if err != nil {
		return o, h, fmt.Errorf("find order: %w", err)
	}
	return o, h, nil
}

// claim writes down that a provider is about to be asked for an order, which it
// takes from whoever held it. It gives errMoved if that is no longer as h says.
func (s *store) claim(ctx context.Context, key string, h holding, provider string) (holding, error) {
	next := holding{provider: provider}
	sql, args := askSQL, []any{key, provider, s.first}
	if provider != h.provider {
		sql, args = moveSQL, append(args, h.provider, h.free, h.asked)
	}
	err := s.pool.QueryRow(ctx, sql, args...).Scan(&next.asked)
	if errors.Is(err, pgx.ErrNoRows) {
		return h, errMoved
	}
	if err != nil {
		return h, fmt.Errorf("claim order: %w", err)
	}
	return next, nil
}

// conclude gives a pending order that a provider holds its final state.
func (s *store) conclude(ctx context.Context, key string, state api.OrderState, chargeID, provider string) error {
	sql, args := s.told(ctx, concludeSQL, key, state, chargeID, provider, s.first)
	tag, err := s.pool.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("settle order: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return errMoved
	}
	return nil
}

// pendingAt gives keys of orders of a provider that have waited for long, the oldest first.
func (s *store) pendingAt(ctx context.Context, provider string, after time.Duration, limit int) ([]string, error) {
	rows, err := s.pool.Query(ctx, pendingAtSQL, after, s.first, provider, limit)
	if err != nil {
		return nil, fmt.Errorf("find pending orders: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find pending orders: %w", err)
	}
	return keys, nil
}

// stranded counts orders that have waited for long and belong to none of the providers.
func (s *store) stranded(ctx context.Context, after time.Duration, providers []string) (n int, err error) {
	if err = s.pool.QueryRow(ctx, strandedSQL, after, s.first, providers).Scan(&n); err != nil {
		return 0, fmt.Errorf("find stranded orders: %w", err)
	}
	return n, nil
}
