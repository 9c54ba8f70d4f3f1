package traffic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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
	Key        string `json:"key,omitempty"`
	Lines      []Line `json:"lines,omitempty"`
	State      string `json:"state,omitempty"`
	TotalCents int64  `json:"total_cents,omitempty"`
}

// totalOf is what an order that was checked is over.
func totalOf(body []byte) int64 {
	var o order
	_ = json.Unmarshal(body, &o)
	return o.TotalCents
}

// basket is what a user's app reads of a basket.
type basket struct {
	Lines []struct {
		Line
		PriceCents int64 `json:"price_cents"`
	} `json:"lines"`
	TotalCents int64 `json:"total_cents"`
}

// upload is what a user's app reads after it has sent a picture.
type upload struct {
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// bodyOf is what a request sends; its id is an order's key. Nil: nothing.
func bodyOf(id string, r Request) []byte {
	switch r.Route {
	case Basket, Checkout:
		o := order{Lines: r.Basket}
		if r.Route == Checkout {
			o.Key = id
		}
		body, err := json.Marshal(o)
		if err != nil {
			panic(err) // strings and numbers always marshal
		}
		return body
	case Upload:
		// No two pictures are the same.
		return bytes.Repeat([]byte(id+"\n"), r.Picture/(len(id)+1)+1)[:r.Picture]
	}
	return nil
}

// checkBasket says whether a basket has the lines asked for, and adds up.
func checkBasket(r Request, body []byte) error {
	var b basket
	if err := json.Unmarshal(body, &b); err != nil {
		return fmt.Errorf("answer is not JSON: %w", err)
	}
	if len(b.Lines) != len(r.Basket) {
		return fmt.Errorf("basket has %d lines; want %d", len(b.Lines), len(r.Basket))
	}
	sum := int64(0)
	for i, l := range b.Lines {
		if l.Line != r.Basket[i] || l.PriceCents < 1 {
			return fmt.Errorf("line %d is %+v; want %+v with a price", i, l, r.Basket[i])
		}
		sum += l.PriceCents * int64(l.Quantity)
	}
	if b.TotalCents != sum {
		return fmt.Errorf("basket is over %d; its lines come to %d", b.TotalCents, sum)
	}
	return nil
}

// checkUpload says whether the picture of an id arrived as it was sent.
func checkUpload(r Request, id string, body []byte) error {
	var u upload
	if err := json.Unmarshal(body, &u); err != nil {
		return fmt.Errorf("answer is not JSON: %w", err)
	}
	if sum := sha256.Sum256(bodyOf(id, r)); u.Bytes != r.Picture || u.SHA256 != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%d bytes with checksum %s arrived; %d were sent, with %x", u.Bytes, u.SHA256, r.Picture, sum)
	}
	return nil
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
	switch r.Route {
	case Checkout:
		return checkOrder(id, body)
	case Basket:
		return checkBasket(r, body)
	case Upload:
		return checkUpload(r, id, body)
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
