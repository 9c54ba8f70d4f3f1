package grade

import (
	"context"
	"fmt"

	"faultlab/labs/catalog"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// moved is V3 of an address: the first payment partner gets another one, and its name goes
// with it. Orders must be charged there, which only those achieve who ask for the name.
func (r *Runner) moved(ctx context.Context, c catalog.Check) Result {
	load := r.load(ctx)
	back, err := r.World.Move(ctx, c.Names[0])
	if err != nil {
		return unknown(fmt.Errorf("give the payment partner another address: %w", err))
	}
	res := r.followed(ctx, c, load)
	if err := back(context.WithoutCancel(ctx)); err != nil {
		return unknown(fmt.Errorf("give the payment partner its old address: %w", err))
	}
	if res.Verdict == Pass {
		if _, short := r.wellAgain(ctx, load, res.Limit); short != nil {
			short.Measured += ", when the payment partner was back at its old address"
			return *short
		}
	}
	return res
}

// fewOrders tell nothing about where they are charged.
const fewOrders = 3

// followed tells whether the orders that users send are charged by the partner that has
// moved: another that stands in for it charges them too, and users are well.
func (r *Runner) followed(ctx context.Context, c catalog.Check, load *Load) Result {
	limit := "when the payment partner moves and its name with it, it charges the orders as before"
	from, short := r.wellAgain(ctx, load, limit)
	if short != nil {
		return *short
	}
	before, err := r.World.Charged(ctx)
	if err != nil {
		return unknown(err)
	}
	to := from.Add(c.Lasting)
	if err := r.World.WaitUntil(ctx, to); err != nil {
		return unknown(fmt.Errorf("traffic stopped reporting: %w", err))
	}
	after, err := r.World.Charged(ctx)
	if err != nil {
		return unknown(err)
	}
	w := r.World.Window(from, to, sli.Filter{Route: traffic.Checkout})
	if w.N < fewOrders {
		return unknown(fmt.Errorf("only %d orders were sent; too few to tell who charges them", w.N))
	}
	charged := after - before
	res := Result{Limit: limit, Verdict: verdict(2*charged < w.N),
		Measured: fmt.Sprintf("%d orders were sent in %v and %d answered rightly; the payment partner charged %d at its new address", w.N, c.Lasting, w.OK, charged)}
	if res.Verdict == Fail {
		if err := r.overloaded(ctx, load, w); err != nil {
			return unknown(err)
		}
	}
	return res
}
