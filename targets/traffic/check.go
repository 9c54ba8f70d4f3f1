package traffic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// item is what a user's app needs of a product.
type item struct {
	ID         int64  `json:"id"`
	Name       string `json:"name"`
	PriceCents int    `json:"price_cents"`
}

// answer is what a user's app reads of a page.
type answer struct {
	Query    string `json:"query"`
	Product  *item  `json:"product"`
	Products []item `json:"products"`
}

// homeProducts is how many products users are promised on the home page, and
// searchProducts on a page of a search that finds as many.
const (
	homeProducts   = 10
	searchProducts = 24
)

// order is what a user's app sends, and what it reads of the answer.
type order struct {
	Key        string `json:"key"`
	Lines      []Line `json:"lines,omitempty"`
	State      string `json:"state,omitempty"`
	TotalCents int64  `json:"total_cents,omitempty"`
}

// orderOf is the body of a checkout; the id of the request is the order's key.
func orderOf(id string, r Request) []byte {
	body, err := json.Marshal(order{Key: id, Lines: r.Basket})
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return body
}

// checkOrder says whether the order of a key was taken and paid.
func checkOrder(id string, body []byte) error {
	var o order
	if err := json.Unmarshal(body, &o); err != nil {
		return fmt.Errorf("answer is not JSON: %w", err)
	}
	if o.Key != id || o.State != "paid" || o.TotalCents < 1 {
		return fmt.Errorf("order %q is %q over %d; want %q paid", o.Key, o.State, o.TotalCents, id)
	}
	return nil
}

// checkBody says whether an answer is what the request of an id asked for.
func checkBody(r Request, id string, body []byte) error {
	if r.Route == Checkout {
		return checkOrder(id, body)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("page is not JSON: %w", err)
	}
	if r.Route == Product {
		if a.Product == nil {
			return errors.New("page has no product")
		}
		if a.Product.ID != r.ProductID {
			return fmt.Errorf("page has product %d; asked for %d", a.Product.ID, r.ProductID)
		}
		return checkItem(*a.Product)
	}
	if len(a.Products) == 0 {
		return errors.New("page has no products")
	}
	if r.Route == Home && len(a.Products) < homeProducts {
		return fmt.Errorf("home has %d products; want %d", len(a.Products), homeProducts)
	}
	if r.Whole && len(a.Products) < searchProducts {
		return fmt.Errorf("search has %d products; want %d", len(a.Products), searchProducts)
	}
	if a.Query != r.Query {
		return fmt.Errorf("page is about %q; asked for %q", a.Query, r.Query)
	}
	for _, p := range a.Products {
		if err := checkItem(p); err != nil {
			return err
		}
		for word := range strings.FieldsSeq(strings.ToLower(r.Query)) {
			if !strings.Contains(strings.ToLower(p.Name), word) {
				return fmt.Errorf("product %d is %q; searched for %q", p.ID, p.Name, r.Query)
			}
		}
	}
	return nil
}

func checkItem(p item) error {
	if p.ID < 1 || p.Name == "" || p.PriceCents < 1 {
		return fmt.Errorf("product %d lacks a name or a price", p.ID)
	}
	return nil
}
