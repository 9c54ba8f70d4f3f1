package catalog

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/api"
)

// pricer tells what tenants pay; [*Store] is the real one.
type pricer interface {
	// Prices gives, by SKU, how many percent of the price a tenant pays; those that are
	// not there cost it the whole price.
	Prices(ctx context.Context, tenant string, skus []string) (map[string]int, error)
}

// The latest rule counts.
const pricesSQL = `
SELECT s.sku, own.percent
FROM unnest($2::text[]) AS s (sku) CROSS JOIN LATERAL (
    SELECT percent FROM price_rules r
    WHERE r.tenant = $1 AND r.sku = s.sku AND r.valid_from <= now() ORDER BY r.valid_from DESC LIMIT 1
) own`

// Prices reads the rules of a tenant.
func (s *Store) Prices(ctx context.Context, tenant string, skus []string) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, pricesSQL, tenant, skus)
	if err != nil {
		return nil, fmt.Errorf("query prices: %w", err)
	}
	percent := map[string]int{}
	var sku string
	var of int
	_, err = pgx.ForEachRow(rows, []any{&sku, &of}, func() error {
		percent[sku] = of
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("query prices: %w", err)
	}
	return percent, nil
}

// priced makes of what answers a request what its tenant pays. It is cached for that
// tenant alone.
func (c *catalog) priced(r *http.Request, cacheKey string, load loader) (string, loader) {
	tenant := r.Header.Get("X-Tenant")
	if c.prices == nil || tenant == "" {
		return cacheKey, load
	}
	if cacheKey != "" {
		cacheKey = "tenant/" + url.PathEscape(tenant) + "/" + cacheKey
	}
	return cacheKey, func(ctx context.Context) (api.Answer, error) {
		a, err := load(ctx)
		if err != nil {
			return a, err
		}
		var shown []*api.Product
		if a.Product != nil {
			shown = append(shown, a.Product)
		}
		for _, list := range [][]api.Product{a.Products, a.Related} {
			for i := range list {
				shown = append(shown, &list[i])
			}
		}
		var skus []string
		for _, p := range shown {
			skus = append(skus, p.SKU)
		}
		percent, err := c.prices.Prices(ctx, tenant, skus)
		for _, p := range shown {
			if of, ok := percent[p.SKU]; ok {
				p.PriceCents = max(1, p.PriceCents*of/100)
			}
		}
		return a, err
	}
}
