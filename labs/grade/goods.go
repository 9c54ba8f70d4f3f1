package grade

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"faultlab/labs/catalog"
)

// GoodsSQL gives how many products there are, and a digest of what is said of them.
const GoodsSQL = `SELECT count(*), md5(string_agg(md5(concat_ws('|', id, sku, name, description, category, price_cents, tenant)), '' ORDER BY id)) FROM products`

// goods is V6 of what can be bought: every product is what it was.
func (r *Runner) goods(ctx context.Context, c catalog.Check) Result {
	was := r.World.Inventory().Goods
	if was == "" {
		return unknown(errors.New("there is no record of the assortment to compare with"))
	}
	goods, err := r.World.SQL(ctx, GoodsSQL)
	if err != nil {
		return unknown(err)
	}
	n, _, _ := strings.Cut(goods, "|")
	res := Result{Measured: n + " products, as they were", Limit: "every product as it was", Verdict: verdict(goods != was)}
	if goods != was {
		before, _, _ := strings.Cut(was, "|")
		res.Measured = fmt.Sprintf("the assortment is not what it was: %s products, there were %s", n, before)
	}
	return res
}
