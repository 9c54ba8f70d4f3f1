package grade

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"faultlab/labs/catalog"
	"faultlab/targets/traffic"
)

// Books is what became of the orders that users have placed.
type Books struct {
	Placed []traffic.Placed   // as their users know them
	Booked map[string]*Booked // as the shop and those who charge cards have them, by key
}

// Booked is one order in the shop's database, and in the partners' journals.
type Booked struct {
	State      string         `json:"state"` // of the order; empty: the shop has none with this key
	Tenant     string         `json:"tenant"`
	TotalCents int64          `json:"total_cents"`
	Lines      []traffic.Line `json:"lines"`
	Shipped    int            `json:"shipped"` // shipments
	Charges    []int64        `json:"-"`       // what was charged, in cents, each time
}

// orders is V6: nothing that a user ordered was lost, doubled or altered, before, during
// and after the incident. What is under way gets a while to come to its end.
func (r *Runner) orders(ctx context.Context, c catalog.Check) Result {
	deadline := r.World.Now().Add(c.Lasting)
	books, err := r.World.Books(ctx)
	if err == nil && len(books.Placed) == 0 {
		err = fmt.Errorf("no user has placed an order")
	}
	for err == nil {
		wrong := books.wrong()
		if len(wrong) == 0 || !r.World.Now().Before(deadline) {
			return books.result(wrong)
		}
		if err = r.World.WaitUntil(ctx, r.World.Now().Add(2*time.Second)); err == nil {
			var later Books
			later, err = r.World.Books(ctx)
			books.Booked = later.Booked // about the same orders
		}
	}
	return unknown(fmt.Errorf("read what became of the orders: %w", err))
}

func (b Books) result(wrong []string) Result {
	told := 0
	for _, p := range b.Placed {
		if p.TotalCents > 0 {
			told++
		}
	}
	res := Result{Verdict: verdict(len(wrong) > 0), Limit: "each order booked, charged and shipped once, or not at all",
		Measured: fmt.Sprintf("%d orders, %d of which users know to be paid", len(b.Placed), told)}
	if len(wrong) > 0 {
		res.Measured += fmt.Sprintf("; %d wrong: %s", len(wrong), strings.Join(wrong[:min(3, len(wrong))], ", "))
	}
	return res
}

// wrong lists the orders that are not as they should be, with what is wrong.
func (b Books) wrong() []string {
	var out []string
	for _, p := range b.Placed {
		got := b.Booked[p.Key]
		if got == nil {
			got = &Booked{}
		}
		if text := fault(p, *got); text != "" {
			out = append(out, p.Key+" "+text)
		}
	}
	return out
}

// fault says what is wrong with one order; empty: nothing.
func fault(p traffic.Placed, b Booked) string {
	told := p.TotalCents > 0
	switch {
	case told && b.State == "":
		return "is lost"
	case told && b.State != "paid":
		return "is " + b.State + ", though its user knows it to be paid"
	case b.State == "" && len(b.Charges) > 0:
		return "is charged, and not booked"
	case b.State == "" || b.State == "pending":
		return ""
	case told && b.TotalCents != p.TotalCents:
		return fmt.Sprintf("is over %d; its user knows of %d", b.TotalCents, p.TotalCents)
	case b.Tenant != p.Tenant || !maps.Equal(quantities(b.Lines), quantities(p.Lines)):
		return "is not what was ordered"
	case b.State != "paid" && len(b.Charges) > 0:
		return "is " + b.State + ", and charged"
	case b.State != "paid" && b.Shipped > 0:
		return "is " + b.State + ", and shipped"
	case b.State != "paid":
		return ""
	case !slices.Equal(b.Charges, []int64{b.TotalCents}):
		return fmt.Sprintf("is over %d; %d was charged", b.TotalCents, b.Charges)
	case b.Shipped != 1:
		return fmt.Sprintf("is shipped %d times", b.Shipped)
	}
	return ""
}

func quantities(lines []traffic.Line) map[int64]int {
	out := map[int64]int{}
	for _, l := range lines {
		out[l.ProductID] += l.Quantity
	}
	return out
}
