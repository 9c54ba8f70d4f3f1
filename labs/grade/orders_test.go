package grade_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
	"faultlab/targets/traffic"
)

func TestOrders(t *testing.T) {
	lines := []traffic.Line{{ProductID: 7, Quantity: 1}, {ProductID: 9, Quantity: 2}}
	told := traffic.Placed{Key: "u-1", Tenant: "fjord", Lines: lines, TotalCents: 500}
	untold := traffic.Placed{Key: "u-1", Tenant: "fjord", Lines: lines}
	booked := func(change func(*grade.Booked)) *grade.Booked {
		b := &grade.Booked{State: "paid", Tenant: "fjord", TotalCents: 500, Shipped: 1, Charges: []int64{500},
			Lines: []traffic.Line{{ProductID: 9, Quantity: 2}, {ProductID: 7, Quantity: 1}}}
		if change != nil {
			change(b)
		}
		return b
	}
	for name, tt := range map[string]struct {
		placed traffic.Placed
		booked *grade.Booked // nil: neither order nor charge
		want   string        // in what is measured; empty: passes
	}{
		"as it should be":                    {told, booked(nil), ""},
		"an answer was lost":                 {untold, booked(nil), ""},
		"nothing came of it":                 {untold, nil, ""},
		"under way":                          {untold, booked(func(b *grade.Booked) { b.State, b.Shipped, b.Charges = "pending", 0, nil }), ""},
		"declined":                           {untold, booked(func(b *grade.Booked) { b.State, b.Shipped, b.Charges = "declined", 0, nil }), ""},
		"purged":                             {told, nil, "u-1 is lost"},
		"purged, and charged":                {untold, &grade.Booked{Charges: []int64{500}}, "charged, and not booked"},
		"paid again later":                   {told, booked(func(b *grade.Booked) { b.State = "pending" }), "is pending"},
		"cancelled, though known to be paid": {told, booked(func(b *grade.Booked) { b.State = "cancelled" }), "is cancelled"},
		"charged twice":                      {told, booked(func(b *grade.Booked) { b.Charges = []int64{500, 500} }), "[500 500] was charged"},
		"charged twice, and nobody knows":    {untold, booked(func(b *grade.Booked) { b.Charges = []int64{500, 500} }), "[500 500] was charged"},
		"never charged":                      {told, booked(func(b *grade.Booked) { b.Charges = nil }), "[] was charged"},
		"charged more":                       {told, booked(func(b *grade.Booked) { b.Charges[0]++ }), "[501] was charged"},
		"cancelled, and charged":             {untold, booked(func(b *grade.Booked) { b.State = "cancelled" }), "cancelled, and charged"},
		"declined, and shipped":              {untold, booked(func(b *grade.Booked) { b.State, b.Charges = "declined", nil }), "declined, and shipped"},
		"never shipped":                      {told, booked(func(b *grade.Booked) { b.Shipped = 0 }), "shipped 0 times"},
		"shipped twice":                      {told, booked(func(b *grade.Booked) { b.Shipped = 2 }), "shipped 2 times"},
		"another price":                      {told, booked(func(b *grade.Booked) { b.TotalCents, b.Charges[0] = 400, 400 }), "its user knows of 500"},
		"a line is missing":                  {told, booked(func(b *grade.Booked) { b.Lines = b.Lines[:1] }), "not what was ordered"},
		"another quantity":                   {told, booked(func(b *grade.Booked) { b.Lines[0].Quantity = 1 }), "not what was ordered"},
		"somebody else's":                    {told, booked(func(b *grade.Booked) { b.Tenant = "aurora" }), "not what was ordered"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFake()
				w.books = func() (grade.Books, error) {
					other := told
					other.Key = "u-0"
					books := grade.Books{Placed: []traffic.Placed{other, tt.placed}, Booked: map[string]*grade.Booked{"u-0": booked(nil)}}
					if tt.booked != nil {
						books.Booked["u-1"] = tt.booked
					}
					return books, nil
				}
				got := audit(t, w)
				want := grade.Pass
				if tt.want != "" {
					want = grade.Fail
				}
				if got.Verdict != want || !strings.Contains(got.Measured, tt.want) {
					t.Errorf("%s; want %s, %q", describe(got), want, tt.want)
				}
			})
		})
	}
}

func audit(t *testing.T, w *fake) grade.Result {
	t.Helper()
	lab := &catalog.Lab{Checks: []catalog.Check{{ID: "orders", Proof: "V6", Kind: "orders", Lasting: 20 * time.Second, Why: "lost"}}}
	return (&grade.Runner{World: w, Lab: lab, Pace: quick}).Run(t.Context())[0]
}

// What is under way when the grader looks gets a while; what the grader could not read
// proves nothing.
func TestOrdersUnderWay(t *testing.T) {
	placed := []traffic.Placed{{Key: "u-1", Tenant: "fjord", TotalCents: 5}}
	books := func(shipped int) grade.Books {
		return grade.Books{Placed: placed, Booked: map[string]*grade.Booked{"u-1": {State: "paid", Tenant: "fjord", TotalCents: 5, Charges: []int64{5}, Shipped: shipped}}}
	}
	for name, tt := range map[string]struct {
		books func(since time.Duration) (grade.Books, error)
		want  grade.Verdict
		lasts time.Duration // at most
	}{
		"shipped later": {func(since time.Duration) (grade.Books, error) {
			if since < 8*time.Second {
				return books(0), nil
			}
			return books(1), nil
		}, grade.Pass, 12 * time.Second},
		"never": {func(time.Duration) (grade.Books, error) { return books(0), nil }, grade.Fail, 24 * time.Second},
		"the database is away": {func(time.Duration) (grade.Books, error) {
			return grade.Books{}, errors.New("db does not run")
		}, grade.Unknown, time.Second},
		"it goes away": {func(since time.Duration) (grade.Books, error) {
			if since > 3*time.Second {
				return grade.Books{}, errors.New("db does not run")
			}
			return books(0), nil
		}, grade.Unknown, 6 * time.Second},
		"nobody ordered": {func(time.Duration) (grade.Books, error) { return grade.Books{}, nil }, grade.Unknown, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, began := newFake(), time.Now()
				w.books = func() (grade.Books, error) { return tt.books(time.Since(began)) }
				got := audit(t, w)
				if took := time.Since(began); got.Verdict != tt.want || took > tt.lasts {
					t.Errorf("%s after %v; want %s within %v", describe(got), took, tt.want, tt.lasts)
				}
			})
		})
	}
}

func (w *fake) Books(context.Context) (grade.Books, error) { return w.books() }
