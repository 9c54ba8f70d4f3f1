package reports

import (
	"cmp"
	"slices"
	"time"
)

// totals are sums of orders.
type totals struct {
	sales    map[place]sum
	products map[article]sum
}

// place is a region on a day (UTC).
type place struct {
	day    time.Time
	region string
}

// article is a product on a day (UTC).
type article struct {
	day time.Time
	id  int64
}

// sum is of orders, or of pieces of a product.
type sum struct{ count, cents int64 }

func (s sum) plus(o sum) sum { return sum{s.count + o.count, s.cents + o.cents} }

func newTotals() *totals {
	return &totals{sales: map[place]sum{}, products: map[article]sum{}}
}

func (t *totals) add(o *totals) {
	for k, v := range o.sales {
		t.sales[k] = t.sales[k].plus(v)
	}
	for k, v := range o.products {
		t.products[k] = t.products[k].plus(v)
	}
}

// ranked is a product with its place among those of its day; the first is 1.
type ranked struct {
	article
	sum
	rank int
}

// top gives the products of each day of which most pieces were sold, up to n of them.
func (t *totals) top(n int) []ranked {
	var all []ranked
	for k, v := range t.products {
		all = append(all, ranked{article: k, sum: v})
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(a.day.Compare(b.day), cmp.Compare(b.count, a.count), cmp.Compare(b.cents, a.cents), cmp.Compare(a.id, b.id))
	})
	var top []ranked
	rank := 0
	for i, r := range all {
		if i == 0 || !r.day.Equal(all[i-1].day) {
			rank = 0
		}
		if rank++; rank <= n {
			r.rank = rank
			top = append(top, r)
		}
	}
	return top
}
