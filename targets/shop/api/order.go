package api

import "time"

// Line is one product of an order.
type Line struct {
	ProductID int64 `json:"product_id"`
	Quantity  int   `json:"quantity"` // 1 to 99
}

// OrderRequest is the body of POST /checkout (web) and POST /v1/orders (checkout).
type OrderRequest struct {
	Key   string `json:"key"`   // chosen by the user's app; the same key is the same order
	Lines []Line `json:"lines"` // 1 to 50, each product once
}

// OrderState is how far an order has come.
type OrderState string

// The states of an order. Pending is left within a minute; the others are final.
const (
	Pending   OrderState = "pending"   // taken, and payment is not known yet
	Paid      OrderState = "paid"      // it will be delivered
	Declined  OrderState = "declined"  // the partner refused the payment
	Cancelled OrderState = "cancelled" // the partner never got the payment
)

// Order is the answer to an OrderRequest.
type Order struct {
	Key        string     `json:"key"`
	State      OrderState `json:"state"`
	TotalCents int64      `json:"total_cents"`
	CreatedAt  time.Time  `json:"created_at"`
}

// ChargeRequest is the body of the partner's POST /v1/charges. The same key is the
// same charge, whatever else the request says.
type ChargeRequest struct {
	Key         string `json:"key"`
	AmountCents int64  `json:"amount_cents"`
}

// ChargeState is what has become of a charge.
type ChargeState string

// The states of a charge; all are final.
const (
	Approved ChargeState = "approved"
	Refused  ChargeState = "refused" // above the limit of one charge
	Voided   ChargeState = "voided"  // withdrawn before it came; it cannot be approved any more
)

// Charge is what the partner answers.
type Charge struct {
	ID          string      `json:"id"`
	Key         string      `json:"key"`
	AmountCents int64       `json:"amount_cents"`
	State       ChargeState `json:"state"`
}
