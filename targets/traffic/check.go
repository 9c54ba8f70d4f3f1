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

// homeProducts is how many products users are promised on the home page.
const homeProducts = 10

// checkBody says whether a page is what the request asked for.
func checkBody(r Request, body []byte) error {
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
	if a.Query != r.Query {
		return fmt.Errorf("page is about %q; asked for %q", a.Query, r.Query)
	}
	for _, p := range a.Products {
		if err := checkItem(p); err != nil {
			return err
		}
		for word := range strings.FieldsSeq(r.Query) {
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
