package api

import "time"

// OrderField is the field of a message of the queue that holds a PaidOrder as JSON.
const OrderField = "order"

// PaidOrder is what checkout tells others of an order that was paid. The same order may
// be told more than once.
type PaidOrder struct {
	ID         int64     `json:"id"`
	Key        string    `json:"key"` // from the user's app
	Tenant     string    `json:"tenant"`
	Region     string    `json:"region"`
	Items      int64     `json:"items"` // of all lines together
	TotalCents int64     `json:"total_cents"`
	PaidAt     time.Time `json:"paid_at"`
}
