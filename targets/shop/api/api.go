// Package api is what the shop's services say to each other and to their users.
package api

import "time"

// Product is one article as catalog and web give it.
type Product struct {
	ID          int64     `json:"id"`
	SKU         string    `json:"sku"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Category    string    `json:"category"`
	Details     string    `json:"details"` // care, delivery and returns, by category
	PriceCents  int       `json:"price_cents"`
	Stock       int       `json:"stock"`
	Tenant      string    `json:"tenant"` // the merchant who sells it
	CreatedAt   time.Time `json:"created_at"`
}

// Answer is the body of every successful answer of catalog and web. Lists
// (home, search) have Products, never nil; product pages have Product and
// perhaps Related.
type Answer struct {
	Query    string    `json:"query,omitempty"` // the search as it was understood
	Product  *Product  `json:"product,omitempty"`
	Related  []Product `json:"related,omitempty"`
	Products []Product `json:"products,omitzero"`
}

// Problem is the body of every failed answer.
type Problem struct {
	Error     string `json:"error"` // a stable word, e.g. "upstream_timeout"
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}
