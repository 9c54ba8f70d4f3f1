package traffic

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

func TestCheckBody(t *testing.T) {
	whole := Request{Group: Group{Route: Search}, Query: "oak lamp", Whole: true}
	checkout := Request{Group: Group{Route: Checkout}, Basket: []Line{{7, 1}}}
	inBasket, picture := Request{Group: Group{Route: Basket}, Basket: []Line{{7, 2}}}, Request{Group: Group{Route: Upload}, Picture: 7}
	home, search, product := Request{Group: Group{Route: Home}}, Request{Group: Group{Route: Search}, Query: "oak lamp"}, Request{Group: Group{Route: Product}, ProductID: 7}
	tests := []struct {
		name string
		r    Request
		body string
		ok   bool
	}{
		{"home", home, homePage(10), true},
		{"home cut down", home, homePage(1), false},
		{"home without products", home, `{"products":[]}`, false},
		{"home of an empty object", home, `{}`, false},
		{"home that is a search", home, `{"query":"x","products":[{"id":1,"name":"A","price_cents":5}]}`, false},
		{"empty body", home, ``, false},
		{"error page", home, `<html>sorry</html>`, false},
		{"truncated", home, `{"products":[{"id":1,"name":"A","price`, false},
		{"two pages in one", home, `{"products":[{"id":1,"name":"A","price_cents":5}]}{}`, false},
		{"product without a name", home, `{"products":[{"id":1,"price_cents":5}]}`, false},
		{"product without a price", home, `{"products":[{"id":1,"name":"A"}]}`, false},
		{"search", search, `{"query":"oak lamp","products":[{"id":1,"name":"Tall Oak Lamp","price_cents":5}]}`, true},
		{"search of another", search, `{"query":"oak desk","products":[{"id":1,"name":"Tall Oak Lamp","price_cents":5}]}`, false},
		{"search with a wrong hit", search, `{"query":"oak lamp","products":[{"id":1,"name":"Tall Oak Desk","price_cents":5}]}`, false},
		{"search in capitals", Request{Group: Group{Route: Search}, Query: "OAK Lamp"}, `{"query":"OAK Lamp","products":[{"id":1,"name":"Tall Oak Lamp","price_cents":5}]}`, true},
		{"part of what is found", whole, `{"query":"oak lamp",` + found(23), false},
		{"all that is found", whole, `{"query":"oak lamp",` + found(24), true},
		{"search without hits", search, `{"query":"oak lamp","products":[]}`, false},
		{"product", product, `{"product":{"id":7,"name":"A","price_cents":5}}`, true},
		{"wrong product", product, `{"product":{"id":8,"name":"A","price_cents":5}}`, false},
		{"no product", product, `{"product":null}`, false},
		{"list for a product", product, `{"products":[{"id":7,"name":"A","price_cents":5}]}`, false},
		{"order", checkout, `{"key":"k-1","state":"paid","total_cents":5}`, true},
		{"another order", checkout, `{"key":"k-2","state":"paid","total_cents":5}`, false},
		{"order not paid", checkout, `{"key":"k-1","state":"pending","total_cents":5}`, false},
		{"order for nothing", checkout, `{"key":"k-1","state":"paid"}`, false},
		{"page for an order", checkout, homePage(10), false},
		{"basket", inBasket, `{"lines":[{"product_id":7,"quantity":2,"price_cents":5}],"total_cents":10}`, true},
		{"basket that does not add up", inBasket, `{"lines":[{"product_id":7,"quantity":2,"price_cents":5}],"total_cents":5}`, false},
		{"basket with another product", inBasket, `{"lines":[{"product_id":8,"quantity":2,"price_cents":5}],"total_cents":10}`, false},
		{"basket with another quantity", inBasket, `{"lines":[{"product_id":7,"quantity":1,"price_cents":5}],"total_cents":5}`, false},
		{"basket for nothing", inBasket, `{"lines":[{"product_id":7,"quantity":2}],"total_cents":0}`, false},
		{"empty basket", inBasket, `{"lines":[],"total_cents":0}`, false},
		{"picture", picture, `{"bytes":7,"sha256":"` + checksum("k-1\nk-1") + `"}`, true},
		{"another picture", picture, `{"bytes":7,"sha256":"` + checksum("k-2\nk-2") + `"}`, false},
		{"half a picture", picture, `{"bytes":4,"sha256":"` + checksum("k-1\n") + `"}`, false},
		{"no checksum", picture, `{"bytes":7}`, false},
		{"problem", product, `{"error":"upstream_timeout"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := checkBody(tt.r, "k-1", []byte(tt.body)); (err == nil) != tt.ok {
				t.Errorf("got %v; want ok %v", err, tt.ok)
			}
		})
	}
}

func FuzzCheckBody(f *testing.F) {
	f.Add(`{"product":{"id":7,"name":"A","price_cents":5}}`)
	f.Add(`{"products":[{"id":7}],"product":{"id":7}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, r := range []Request{{Group: Group{Route: Home}}, {Group: Group{Route: Search}, Query: "oak lamp"}, {Group: Group{Route: Product}, ProductID: 7}} {
			if checkBody(r, "k-1", []byte(body)) == nil && len(body) < 20 {
				t.Errorf("%q passes as %s", body, r.Route)
			}
		}
	})
}

func checksum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// found is the end of a page with n lamps of oak.
func found(n int) string {
	return strings.ReplaceAll(homePage(n)[1:], `"A"`, `"Oak Lamp"`)
}

// homePage is a home page of n products.
func homePage(n int) string {
	one := `,{"id":1,"name":"A","price_cents":5}`
	return `{"products":[` + strings.Repeat(one, n)[1:] + `]}`
}
