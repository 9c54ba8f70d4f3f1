package reports

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"faultlab/targets/shop/service"
)

// FeaturedConfig is about the products on the home page, from 1.1.0 on.
type FeaturedConfig struct {
	Catalog service.UpstreamConfig `yaml:"catalog"` // who shows them; url default http://catalog.shop.internal:8081
	Wait    time.Duration          `yaml:"wait"`    // for the catalog to show a new list; 1s to 1h, default 30s
}

// featuredCount is how many products are featured.
const featuredCount = 40

const featuredSQL = `SELECT product_id FROM featured ORDER BY position`

const clearFeaturedSQL = `TRUNCATE featured`

const featureSQL = `INSERT INTO featured (position, product_id)
SELECT position, product_id FROM unnest($1::bigint[]) WITH ORDINALITY AS list (product_id, position)`

// feature has the home page show what sold best, and after that what it shows now.
func (r *reports) feature(ctx context.Context, turn *turn, of *totals) error {
	var best []int64
	for _, p := range of.top(featuredCount) {
		if !slices.Contains(best, p.id) {
			best = append(best, p.id)
		}
	}
	return turn.feature(ctx, best, r.shown)
}

// feature puts products in the place of those that are featured. It is undone when shown
// gives an error.
func (t *turn) feature(ctx context.Context, best []int64, shown func(context.Context) error) error {
	err := pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, featuredSQL)
		if err != nil {
			return err
		}
		now, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for _, id := range now {
			if !slices.Contains(best, id) {
				best = append(best, id)
			}
		}
		if _, err := tx.Exec(ctx, clearFeaturedSQL); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, featureSQL, best[:min(len(best), featuredCount)]); err != nil {
			return err
		}
		return shown(ctx)
	})
	if err != nil {
		return fmt.Errorf("feature products: %w", err)
	}
	return nil
}

// shown waits until the catalog shows the featured products.
func (r *reports) shown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.config.Featured.Wait)
	defer cancel()
	for {
		_, err := r.catalog.Call(ctx, service.Call{Method: http.MethodGet, Path: "/v1/featured?limit=" + strconv.Itoa(featuredCount)})
		if err == nil {
			return nil
		}
		if pause(ctx, time.Second) != nil {
			return fmt.Errorf("the catalog does not show them: %w", err)
		}
	}
}
