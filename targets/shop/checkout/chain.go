package checkout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// chain has orders paid by the first of several providers that can.
//
// No order is charged twice: before a provider is asked, the order says that it may hold
// the charge, and the next one is asked only when it is certain that this one has no
// charge and will take none. That is certain when every attempt that was written down
// was turned away unheard, or when the provider has withdrawn the charge. An order
// only ever moves down the list.
type chain struct {
	*checkout
	providers []*partner
	policy    Failover
	charges   *prometheus.CounterVec
	failovers *prometheus.CounterVec
}

func newChain(s *checkout) *chain {
	c := &chain{
		checkout: s, policy: s.config.Payments.policy(),
		charges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "charges_total", Help: "Charges that reached a state, by provider and state.",
		}, []string{"provider", "state"}),
		failovers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payment_failovers_total", Help: "Orders that were given to another provider, by both and why.",
		}, []string{"from", "to", "reason"}),
	}
	for _, p := range s.config.Payments.Providers {
		c.providers = append(c.providers, newProvider(p, s))
	}
	s.store.first = c.providers[0].name
	s.Metrics.MustRegister(c.charges, c.failovers)
	return c
}

// newProvider gives a listed provider. Its metrics are those of the only partner, with
// its name as a label, and those of its pool.
func newProvider(c ProviderConfig, s *checkout) *partner {
	register := prometheus.WrapRegistererWith(prometheus.Labels{"provider": c.Name}, s.Metrics)
	p := newPartner(c.PartnerConfig, s, register)
	p.name = c.Name
	p.pool = newPool(c.Pool, "provider_calls", poolHelp{
		place:   "a call of " + c.Name,
		refused: "Calls of a payment provider given up because too many were under way.",
		busy:    "Calls of a payment provider under way.",
		max:     "Calls of a payment provider that may be under way at the same time.",
	}, register)
	return p
}

// find gives the place of a provider in the list.
func (c *chain) find(name string) (int, error) {
	i := slices.IndexFunc(c.providers, func(p *partner) bool { return p.name == name })
	if i < 0 {
		return 0, service.NoAnswer(fmt.Errorf("the order belongs to provider %q, which is not configured", name))
	}
	return i, nil
}

func (c *chain) pay(r *http.Request, o api.Order) (api.Order, error) {
	// Others who work on the order can take it forward once per provider, and decide it.
	for range len(c.providers) + 1 {
		held, h, err := c.read(r.Context(), o.Key)
		if err != nil || held.State != api.Pending {
			return held, err
		}
		o, err = c.walk(r, held, h)
		if errors.Is(err, errMoved) {
			continue
		}
		if err != nil {
			c.orders.WithLabelValues(string(api.Pending)).Inc()
		}
		return o, err
	}
	c.orders.WithLabelValues(string(api.Pending)).Inc()
	return o, service.NoAnswer(errMoved)
}

func (c *chain) read(ctx context.Context, key string) (api.Order, holding, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Database.QueryTimeout)
	defer cancel()
	return c.store.held(ctx, key)
}

// walk asks the provider who holds an order, and those after it as the policy says.
func (c *chain) walk(r *http.Request, o api.Order, h holding) (api.Order, error) {
	at, err := c.find(h.provider)
	if err != nil {
		return o, err
	}
	var reason string
	for {
		p := c.providers[at]
		from := h
		charge, err := p.charge(r, api.ChargeRequest{Key: o.Key, AmountCents: o.TotalCents}, func(ctx context.Context) (err error) {
			ctx, cancel := context.WithTimeout(ctx, c.config.Database.QueryTimeout)
			defer cancel()
			h, err = c.store.claim(ctx, o.Key, h, p.name)
			return err
		})
		claimed := h != from
		if claimed && h.provider != from.provider {
			c.movedOn(r, o, from, h, reason)
		}
		last := at == len(c.providers)-1
		if err == nil {
			if charge.State != api.Voided || last || c.policy != FailoverError {
				return c.conclude(r.Context(), o, charge, p)
			}
			reason, h.free = "voided", true
			at++
			continue
		}
		var up *service.UpstreamError
		if !errors.As(err, &up) {
			return o, err
		}
		err = fmt.Errorf("%s: %w", p.name, err)
		if reason = c.policy.reason(up); reason == "" || last || r.Context().Err() != nil {
			return o, err
		}
		if h.provider == p.name && !h.free && !unheard(h, claimed, up) {
			charge, void := p.void(r.Context(), o.Key)
			if void != nil {
				return o, errors.Join(err, fmt.Errorf("it cannot be withdrawn: %w", void))
			}
			if charge.State != api.Voided {
				return c.conclude(r.Context(), o, charge, p)
			}
			h.free = true
		}
		at++
	}
}

// unheard says that no attempt at an order has reached the provider who holds it: there
// was none, or there was this one only and it was turned away.
func unheard(h holding, claimed bool, err *service.UpstreamError) bool {
	return h.asked == 0 || h.asked == 1 && claimed && untaken(err) != ""
}

func (c *chain) movedOn(r *http.Request, o api.Order, from, to holding, reason string) {
	c.failovers.WithLabelValues(from.provider, to.provider, reason).Inc()
	c.Log.WarnContext(r.Context(), "payment given to another provider", "key", o.Key, "from", from.provider, "to", to.provider,
		"reason", reason, "voided", from.free, "request_id", service.RequestID(r))
}

// conclude writes down what a provider said. The customer may be gone; the charge is not.
func (c *chain) conclude(ctx context.Context, o api.Order, charge api.Charge, p *partner) (api.Order, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.config.Database.QueryTimeout)
	defer cancel()
	o.State = stateOf[charge.State]
	err := c.store.conclude(ctx, o.Key, o.State, charge.ID, p.name)
	if err == nil {
		c.orders.WithLabelValues(string(o.State)).Inc()
		c.charges.WithLabelValues(p.name, string(charge.State)).Inc()
		level := slog.LevelDebug // a healthy shop logs little
		if p != c.providers[0] {
			level = slog.LevelInfo
		}
		c.Log.Log(ctx, level, "payment decided", "key", o.Key, "provider", p.name, "charge", charge.ID, "state", string(o.State))
	}
	return o, err
}

// settle asks each provider about the orders that are pending with it. One who does not
// answer keeps nobody else's orders waiting.
func (c *chain) settle(ctx context.Context) error {
	var errs []error
	var names []string
	for _, p := range c.providers {
		if err := c.settleAt(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
		names = append(names, p.name)
	}
	n, err := c.store.stranded(ctx, c.config.Settle.After, names)
	if n > 0 {
		err = fmt.Errorf("%d orders belong to providers that are not configured", n)
	}
	return errors.Join(append(errs, err)...)
}

func (c *chain) settleAt(ctx context.Context, p *partner) error {
	keys, err := c.store.pendingAt(ctx, p.name, c.config.Settle.After, 20)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := c.settleOne(ctx, p, key); err != nil {
			return err
		}
	}
	return nil
}

func (c *chain) settleOne(ctx context.Context, p *partner, key string) (err error) {
	ctx, end := c.Root(ctx, "settle order", attribute.String("key", key))
	defer func() { end(err) }()
	charge, err := p.void(ctx, key)
	if err != nil {
		return err
	}
	o, err := c.conclude(ctx, api.Order{Key: key}, charge, p)
	if errors.Is(err, errMoved) {
		return nil
	}
	if err == nil {
		c.Log.InfoContext(ctx, "order settled", "key", key, "state", string(o.State), "provider", p.name)
	}
	return err
}
