package shop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// errNotFound says that there is no such product.
var errNotFound = errors.New("no such product")

const productColumns = `p.id, p.sku, p.name, p.description, p.category, c.details, p.price_cents, p.stock, p.tenant, p.created_at`

// The hits come first and alone: with the limit of the page in the same query
// the planner walks the primary key and hopes to meet enough matches.
const searchSQL = `
WITH hits AS MATERIALIZED (
    SELECT id FROM products WHERE to_tsvector('simple', name) @@ to_tsquery('simple', $1) LIMIT 200
), page AS (
    SELECT id FROM hits ORDER BY id LIMIT $2
)
SELECT ` + productColumns + `
FROM page JOIN products p USING (id) JOIN categories c ON c.name = p.category ORDER BY p.id`

const productSQL = `
SELECT ` + productColumns + `
FROM products p JOIN categories c ON c.name = p.category WHERE p.id = $1`

const relatedSQL = `
SELECT ` + productColumns + `
FROM (SELECT * FROM products WHERE category = $1 AND id > $2 ORDER BY id LIMIT $3) p
JOIN categories c ON c.name = p.category ORDER BY p.id`

const featuredSQL = `
SELECT ` + productColumns + `
FROM (SELECT * FROM featured ORDER BY position LIMIT $1) f
JOIN products p ON p.id = f.product_id JOIN categories c ON c.name = p.category ORDER BY f.position`

// store reads products from PostgreSQL.
type store struct {
	pool *pgxpool.Pool
}

// openStore makes the pool; it does not connect, so that catalog starts before
// its database does.
func openStore(ctx context.Context, c DatabaseConfig) (*store, error) {
	pc, err := pgxpool.ParseConfig("")
	if err != nil {
		return nil, fmt.Errorf("database configuration: %w", err)
	}
	cc := &pc.ConnConfig.Config
	cc.Host, cc.Port, cc.Database = c.Host, uint16(c.Port), c.Name
	cc.User, cc.Password = c.User, c.Password
	cc.Fallbacks, cc.TLSConfig = nil, nil
	cc.ConnectTimeout = c.ConnectTimeout
	cc.RuntimeParams = map[string]string{
		"application_name": "catalog",
		// The best plans here do not depend on the values, and planning a search
		// takes longer than running it.
		"plan_cache_mode": "force_generic_plan",
	}
	pc.MaxConns = int32(c.Pool)
	pc.MaxConnLifetime = 10 * time.Minute // so that connections follow the name to a new address
	pc.MaxConnLifetimeJitter = time.Minute
	pc.HealthCheckPeriod = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("database pool: %w", err)
	}
	return &store{pool: pool}, nil
}

func (s *store) ping(ctx context.Context) error { return s.pool.Ping(ctx) }

// search gives up to limit products whose names have all words of the query;
// with prefix, the last word may be incomplete. No words, no products.
func (s *store) search(ctx context.Context, query string, prefix bool, limit int) ([]Product, error) {
	expression := searchExpression(query, prefix)
	if expression == "" {
		return []Product{}, nil
	}
	return s.products(ctx, "search", searchSQL, expression, limit)
}

func (s *store) product(ctx context.Context, id int64) (Product, error) {
	found, err := s.products(ctx, "product", productSQL, id)
	if err != nil {
		return Product{}, err
	}
	if len(found) == 0 {
		return Product{}, errNotFound
	}
	return found[0], nil
}

func (s *store) related(ctx context.Context, p Product, limit int) ([]Product, error) {
	return s.products(ctx, "related", relatedSQL, p.Category, p.ID, limit)
}

func (s *store) featured(ctx context.Context, limit int) ([]Product, error) {
	return s.products(ctx, "featured", featuredSQL, limit)
}

func (s *store) products(ctx context.Context, what, sql string, args ...any) ([]Product, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", what, err)
	}
	list, err := pgx.CollectRows(rows, scanProduct)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", what, err)
	}
	return list, nil
}

func scanProduct(row pgx.CollectableRow) (Product, error) {
	var p Product
	err := row.Scan(&p.ID, &p.SKU, &p.Name, &p.Description, &p.Category, &p.Details,
		&p.PriceCents, &p.Stock, &p.Tenant, &p.CreatedAt)
	return p, err
}

// searchWords are the words of a query, in lower case, without punctuation.
func searchWords(query string) []string {
	return strings.FieldsFunc(strings.ToLower(query), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r)
	})
}

// searchExpression is the tsquery for a query: all words, the last one
// perhaps as a prefix. Words have no characters that mean something there.
func searchExpression(query string, prefix bool) string {
	words := searchWords(query)
	if len(words) == 0 {
		return ""
	}
	expression := strings.Join(words, " & ")
	if prefix {
		expression += ":*"
	}
	return expression
}
