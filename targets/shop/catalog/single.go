package catalog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/api"
)

const searchIDsSQL = `
WITH hits AS MATERIALIZED (
    SELECT id FROM products WHERE to_tsvector('simple', name) @@ to_tsquery('simple', $1) LIMIT 200
)
SELECT id FROM hits ORDER BY id LIMIT $2`

const relatedIDsSQL = `SELECT id FROM products WHERE category = $1 AND id > $2 ORDER BY id LIMIT $3`

const featuredIDsSQL = `SELECT product_id FROM featured ORDER BY position LIMIT $1`

// single reads every product as the product page does, those of lists too.
type single struct{ *Store }

func (s single) Search(ctx context.Context, query string, prefix bool, limit int) ([]api.Product, error) {
	expression := searchExpression(query, prefix)
	if expression == "" {
		return []api.Product{}, nil
	}
	return s.list(ctx, "search", searchIDsSQL, expression, limit)
}

func (s single) Related(ctx context.Context, p api.Product, limit int) ([]api.Product, error) {
	return s.list(ctx, "related", relatedIDsSQL, p.Category, p.ID, limit)
}

func (s single) Featured(ctx context.Context, limit int) ([]api.Product, error) {
	return s.list(ctx, "featured", featuredIDsSQL, limit)
}

func (s single) list(ctx context.Context, what, sql string, args ...any) ([]api.Product, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", what, err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", what, err)
	}
	list := []api.Product{}
	for _, id := range ids {
		p, err := s.Product(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue // taken out of the assortment since
		}
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}
