package traffic

import (
	"math"
	"reflect"
	"testing"
)

func take(seed uint64, n int) []Request {
	p := NewPlan(seed, Shape{})
	out := make([]Request, n)
	for i := range out {
		out[i] = p.Next()
	}
	return out
}

func TestSameSeedSamePlan(t *testing.T) {
	if !reflect.DeepEqual(take(7, 5000), take(7, 5000)) {
		t.Error("two plans of seed 7 differ")
	}
	if reflect.DeepEqual(take(7, 50), take(8, 50)) {
		t.Error("seeds 7 and 8 give the same plan")
	}
}

func TestPlanHasTheShares(t *testing.T) {
	const n = 50_000
	counts, gaps := map[string]int{}, 0.0
	for _, r := range take(1, n) {
		gaps += r.Gap
		for _, d := range Dimensions {
			counts[d.Of(r.Group)]++
		}
	}
	for _, table := range [][]weighted{regions, routes, versions, tenants, devices, cohorts, ips} {
		for _, w := range table {
			if got := 100 * float64(counts[w.value]) / n; math.Abs(got-float64(w.percent)) > 1 {
				t.Errorf("%s is %.1f %%; want %d", w.value, got, w.percent)
			}
		}
	}
	if mean := gaps / n; math.Abs(mean-1) > 0.02 {
		t.Errorf("mean gap is %.3f; want 1", mean)
	}
}

func TestTablesAddUp(t *testing.T) {
	for _, table := range [][]weighted{regions, routes, versions, tenants, devices, cohorts, ips} {
		sum := 0
		for _, w := range table {
			sum += w.percent
		}
		if sum != 100 {
			t.Errorf("%v adds up to %d", table, sum)
		}
	}
}

func TestPaths(t *testing.T) {
	tests := []struct {
		r    Request
		want string
	}{
		{Request{Group: Group{Route: Home}}, "/"},
		{Request{Group: Group{Route: Search}, Query: "walnut lamp"}, "/search?q=walnut+lamp"},
		{Request{Group: Group{Route: Product}, ProductID: 42}, "/product/42"},
		{Request{Group: Group{Route: Basket}}, "/basket"},
		{Request{Group: Group{Route: Checkout}}, "/checkout"},
		{Request{Group: Group{Route: Upload}}, "/upload"},
	}
	for _, tt := range tests {
		if got := tt.r.Path(); got != tt.want {
			t.Errorf("%+v: %s; want %s", tt.r, got, tt.want)
		}
	}
}
