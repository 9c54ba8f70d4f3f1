package grade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// GoodsSQL gives how many products there are, and a digest of what is said of them.
const GoodsSQL = `SELECT count(*), md5(string_agg(md5(concat_ws('|', id, sku, name, description, category, price_cents, tenant)), '' ORDER BY id)) FROM products`

const ordersSQL = `SELECT count(*) FILTER (WHERE state = 'paid'), count(*) - count(DISTINCT key) FROM orders`

// data is V6: every order of which a user was told that it is paid is there, once, and
// the assortment is what it was.
func (r *Runner) data(ctx context.Context, c catalog.Check) Result {
	was := r.World.Inventory().Goods
	if was == "" {
		return unknown(errors.New("there is no record of the assortment to compare with"))
	}
	// Users first: an order that comes meanwhile is one more in the database.
	told := r.World.Window(time.Unix(0, 0), r.World.Now(), sli.Filter{Route: traffic.Checkout}).OK
	orders, err := r.World.SQL(ctx, ordersSQL)
	if err != nil {
		return unknown(err)
	}
	var paid, twice int
	if _, err := fmt.Sscanf(orders, "%d|%d", &paid, &twice); err != nil {
		return unknown(fmt.Errorf("count the orders (%q): %w", orders, err))
	}
	goods, err := r.World.SQL(ctx, GoodsSQL)
	if err != nil {
		return unknown(err)
	}
	var bad []string
	if paid < told {
		bad = append(bad, fmt.Sprintf("%d of the orders that users were told are paid are gone", told-paid))
	}
	if twice > 0 {
		bad = append(bad, fmt.Sprintf("%d orders are there twice", twice))
	}
	if goods != was {
		n, _, _ := strings.Cut(goods, "|")
		before, _, _ := strings.Cut(was, "|")
		bad = append(bad, fmt.Sprintf("the assortment is not what it was: %s products, there were %s", n, before))
	}
	measured := append([]string{fmt.Sprintf("%d paid orders, of which users were told %d", paid, told)}, bad...)
	if len(bad) == 0 {
		measured = append(measured, "every product is as it was")
	}
	return Result{Measured: strings.Join(measured, "; "), Limit: "no order lost or doubled, every product as it was", Verdict: verdict(len(bad) > 0)}
}
