package checkout

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"faultlab/targets/shop/api"
)

// single has orders paid by the only partner.
type single struct {
	*checkout
	partner *partner
}

func newSingle(s *checkout) *single {
	return &single{s, newPartner(s.config.Payments.PartnerConfig, s, s.Metrics)}
}

func (s *single) pay(r *http.Request, o api.Order) (api.Order, error) {
	charge, err := s.partner.charge(r, api.ChargeRequest{Key: o.Key, AmountCents: o.TotalCents}, nil)
	if err != nil {
		s.orders.WithLabelValues(string(api.Pending)).Inc()
		return o, err
	}
	// The customer may be gone; the charge is not.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), s.config.Database.QueryTimeout)
	defer cancel()
	return s.conclude(ctx, o, charge)
}

// conclude writes down what the partner said.
func (s *single) conclude(ctx context.Context, o api.Order, c api.Charge) (api.Order, error) {
	o.State = stateOf[c.State]
	if err := s.store.settle(ctx, o.Key, o.State, c.ID); err != nil {
		return o, err
	}
	s.orders.WithLabelValues(string(o.State)).Inc()
	return o, nil
}

func (s *single) settle(ctx context.Context) error {
	keys, err := s.store.pending(ctx, s.config.Settle.After, 20)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := s.settleOne(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

func (s *single) settleOne(ctx context.Context, key string) (err error) {
	ctx, end := s.Root(ctx, "settle order", attribute.String("key", key))
	defer func() { end(err) }()
	c, err := s.partner.void(ctx, key)
	if err != nil {
		return err
	}
	o, err := s.conclude(ctx, api.Order{Key: key}, c)
	if err == nil {
		s.Log.InfoContext(ctx, "order settled", "key", key, "state", string(o.State))
	}
	return err
}
