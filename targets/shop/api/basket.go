package api

// Basket is what POST /basket (web) answers to one that has lines only.
type Basket struct {
	Lines      []BasketLine `json:"lines"`
	TotalCents int64        `json:"total_cents"`
}

// BasketLine is one product of a basket.
type BasketLine struct {
	Line
	Name       string `json:"name"`
	PriceCents int    `json:"price_cents"` // of one, today
}

// Upload is what POST /upload (web) answers.
type Upload struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // of the body, in hex
}
