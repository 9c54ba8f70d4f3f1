package traffic

import (
	"strings"
	"testing"
)

// What was right for one question, or once, says nothing about another page.
func TestKnownPages(t *testing.T) {
	const oak = `{"query":"oak lamp","products":[{"id":1,"name":"Tall Oak Lamp","price_cents":5}]}`
	home, search := Request{Route: Home}, Request{Route: Search, Query: "oak lamp"}
	other, product := Request{Route: Search, Query: "oak desk"}, Request{Route: Product, ProductID: 7}
	k := newKnown()
	for i, tt := range []struct {
		r    Request
		body string
		ok   bool
	}{
		{search, strings.Replace(oak, "Lamp", "Desk", 1), false},
		{search, strings.Replace(oak, "Lamp", "Desk", 1), false},
		{search, oak, true},
		{search, oak, true},
		{search, oak[:len(oak)-1], false},
		{search, oak + oak, false},
		{search, "", false},
		{search, strings.Replace(oak, "Lamp", "Desk", 1), false},
		{search, oak, true},
		{other, oak, false},
		{home, oak, false},
		{product, oak, false},
		{home, homePage(10), true},
		{home, homePage(9), false},
		{search, homePage(10), false},
		{product, `{"product":{"id":7,"name":"A","price_cents":5}}`, true},
		{Request{Route: Product, ProductID: 8}, `{"product":{"id":7,"name":"A","price_cents":5}}`, false},
	} {
		if err := k.check(tt.r, "k-1", []byte(tt.body)); (err == nil) != tt.ok {
			t.Errorf("%d: %s %s of %q: %v; want ok %v", i, tt.r.Route, tt.r.Query, tt.body, err, tt.ok)
		}
	}
}
