package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// ErrNotFound says that there is no such product.
var ErrNotFound = errors.New("no such product")

const productColumns = `p.id, p.sku, p.name, p.description, p.category, c.details, p.price_cents, p.stock, p.tenant, p.created_at`

// listColumns are those of a list by id. The details, which are three quarters of a product
// and the same for a whole category, come once for neighbours of one; see withDetails.
const listColumns = `p.id, p.sku, p.name, p.description, p.category,
    CASE WHEN lag(p.category) OVER (ORDER BY p.id) = p.category THEN '' ELSE c.details END,
    p.price_cents, p.stock, p.tenant, p.created_at`

// The hits come first and alone: with the limit of the page in the same query
// the planner walks the primary key and hopes to meet enough matches.
const searchSQL = `-- name: search
WITH hits AS MATERIALIZED (
    SELECT id FROM products WHERE to_tsvector('simple', name) @@ to_tsquery('simple', $1) LIMIT 200
), page AS (
    SELECT id FROM hits ORDER BY id LIMIT $2
)
SELECT ` + listColumns + `
FROM page JOIN products p USING (id) JOIN categories c ON c.name = p.category ORDER BY p.id`

const productSQL = `-- name: product
SELECT ` + productColumns + `
FROM products p JOIN categories c ON c.name = p.category WHERE p.id = $1`

const relatedSQL = `-- name: related
SELECT ` + listColumns + `
FROM (SELECT * FROM products WHERE category = $1 AND id > $2 ORDER BY id LIMIT $3) p
JOIN categories c ON c.name = p.category ORDER BY p.id`

const featuredSQL = `-- name: featured
SELECT ` + productColumns + `
FROM (SELECT * FROM featured ORDER BY position LIMIT $1) f
JOIN products p ON p.id = f.product_id JOIN categories c ON c.name = p.category ORDER BY f.position`

// Store reads products from PostgreSQL.
type Store struct {
	pool *service.Database
}

func (s *Store) Ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// Search gives up to limit products whose names have all words of the query;
// with prefix, the last word may be incomplete. No words, no products.
func (s *Store) Search(ctx context.Context, query string, prefix bool, limit int) ([]api.Product, error) {
	expression := searchExpression(query, prefix)
	if expression == "" {
		return []api.Product{}, nil
	}
	return s.products(ctx, "search", searchSQL, expression, limit)
}

func (s *Store) Product(ctx context.Context, id int64) (api.Product, error) {
	found, err := s.products(ctx, "product", productSQL, id)
	if err != nil {
		return api.Product{}, err
	}
	if len(found) == 0 {
		return api.Product{}, ErrNotFound
	}
	return found[0], nil
}

func (s *Store) Related(ctx context.Context, p api.Product, limit int) ([]api.Product, error) {
	return s.products(ctx, "related", relatedSQL, p.Category, p.ID, limit)
}

func (s *Store) Featured(ctx context.Context, limit int) ([]api.Product, error) {
	return s.products(ctx, "featured", featuredSQL, limit)
}

func (s *Store) products(ctx context.Context, what, sql string, args ...any) ([]api.Product, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", what, err)
	}
	list, err := pgx.CollectRows(rows, scanProduct)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", what, err)
	}
	return withDetails(list), nil
}

// withDetails gives products without details those of the one before, of the same category.
func withDetails(list []api.Product) []api.Product {
	for i := range list {
		if p := &list[i]; p.Details == "" && i > 0 && list[i-1].Category == p.Category {
			p.Details = list[i-1].Details
		}
	}
	return list
}

func scanProduct(row pgx.CollectableRow) (api.Product, error) {
	var p api.Product
	err := row.Scan(&p.ID, &p.SKU, &p.Name, &p.Description, &p.Category, &p.Details,
		&p.PriceCents, &p.Stock, &p.Tenant, &p.CreatedAt)
	return p, err
}

// searchExpression is the tsquery for a query: all words, the last one
// perhaps as a prefix. Words have no characters that mean something there.
func searchExpression(query string, prefix bool) string {
	words := api.Words(query)
	if len(words) == 0 {
		return ""
	}
	expression := strings.Join(words, " & ")
	if prefix {
		expression += ":*"
	}
	return expression
}
