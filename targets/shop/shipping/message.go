package shipping

import (
	"encoding/json"
	"fmt"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// message is one of the queue's that this worker holds.
type message struct {
	id         string
	values     map[string]any // nil: it is gone from the stream
	deliveries int            // how often it was given to a worker, this time included
	troubles   int            // attempts of this worker that the database spoilt
}

// trace names the trace that the message belongs to; "" if it says none.
func (m message) trace() string {
	s, _ := m.values[service.TraceField].(string)
	return s
}

// text is the message as it is parked.
func (m message) text() string {
	b, err := json.Marshal(m.values)
	if err != nil { // Redis gives strings only
		return fmt.Sprint(m.values)
	}
	return string(b)
}

// badMessage is a failure that lies in the message, not in what handles it.
type badMessage struct{ why string }

func (e *badMessage) Error() string { return e.why }

func bad(format string, args ...any) error { return &badMessage{fmt.Sprintf(format, args...)} }

// order reads what a message says and checks it as far as it can be without the database.
// Errors are *badMessage.
func (m message) order() (api.PaidOrder, error) {
	var o api.PaidOrder
	text, ok := m.values[api.OrderField].(string)
	if !ok {
		return o, bad("the message has no field %s", api.OrderField)
	}
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return o, bad("the order is not one: %v", err)
	}
	switch {
	case o.ID < 1:
		return o, bad("id is %d; want at least 1", o.ID)
	case len(o.Key) < 8 || len(o.Key) > 100:
		return o, bad("key has %d characters; want 8 to 100", len(o.Key))
	case o.Items < 1 || o.Items > 50*99:
		return o, bad("items is %d; want 1 to %d", o.Items, 50*99)
	case o.TotalCents < 1:
		return o, bad("total_cents is %d; want at least 1", o.TotalCents)
	}
	return o, nil
}
