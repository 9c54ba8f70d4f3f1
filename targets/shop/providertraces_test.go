package shop_test

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/targets/shop/checkout"
)

// A trace tells of each provider that was asked, or that something kept from being asked.
func TestProvidersAreSteps(t *testing.T) {
	s := newTraced(t, func(s *traced, c *checkout.Config) {
		away := httptest.NewServer(nil)
		away.Close()
		c.Payments = checkout.DefaultConfig().Payments
		for name, url := range map[string]string{"primary": away.URL, "backup": s.payments.URL} {
			p := checkout.DefaultProvider(name, url)
			p.Timeout, p.Breaker.Failures, p.Breaker.OpenFor = 10*time.Second, 1, 10*time.Minute
			c.Payments.Providers = append(c.Payments.Providers, p)
		}
		slices.SortFunc(c.Payments.Providers, func(a, b checkout.ProviderConfig) int { return strings.Compare(b.Name, a.Name) })
		c.Payments.Failover = checkout.FailoverOpenBreaker
	})
	const refused, open = "b0000000000000000000000000000001", "b0000000000000000000000000000002"
	for i, trace := range []string{refused, open} {
		body := fmt.Sprintf(`{"key":"order-10000%d","lines":[{"product_id":7,"quantity":2}]}`, i)
		if got := s.ask(t, "POST", "/checkout", body, trace); got != 200 {
			t.Fatalf("order %d: %d; want 200\n%s", i, got, s.logs.String())
		}
	}
	for _, trace := range []string{refused, open} {
		s.get(t, trace, true)
	}
	s.flush(t)
	const backup = "      checkout: charge backup\n        checkout: ask another provider\n        checkout: POST payments\n      checkout: settle order\n"
	for trace, want := range map[string]string{
		refused: "      checkout: charge primary\n        checkout: ask provider\n        checkout: POST payments\n" + backup,
		open:    "      checkout: charge primary\n" + backup,
	} {
		got := s.get(t, trace, false)
		drawn := waits.ReplaceAllString(tree(got), "")
		if !strings.Contains(drawn, want) || !strings.Contains(drawn, "shipping: ship") {
			t.Errorf("trace %s:\n%s\nwant\n%s", trace, drawn, want)
		}
		if got.Status != "200" || !strings.HasPrefix(got.Error, "checkout us-a: ") {
			t.Errorf("trace %s: status %s, %q; want where it failed", trace, got.Status, got.Error)
		}
	}
}
