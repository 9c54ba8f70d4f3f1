// Package checkout takes orders and has the partner charge for them.
package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// checkout is one checkout.
type checkout struct {
	*service.Service
	config  Config
	release features
	store   *store
	cashier cashier
	workers *pool
	orders  *prometheus.CounterVec
}

// cashier has orders paid.
type cashier interface {
	// pay has the customer of a pending order charged and writes down what became of
	// it. When that is not known the order stays pending, and there is an error.
	pay(r *http.Request, o api.Order) (api.Order, error)
	// settle decides orders that have been pending for long.
	settle(ctx context.Context) error
}

// Build adds checkout's routes to a service and begins to settle orders.
func Build(ctx context.Context, on *service.Service, c *Config) (closing func(), err error) {
	release, err := service.Find(Releases, Name, on.ID.Release)
	if err != nil {
		return nil, err
	}
	pool, err := service.OpenDatabase(ctx, c.Database, Name)
	if err != nil {
		return nil, err
	}
	s := &checkout{
		Service: on, config: *c, release: release, store: &store{pool: pool, outbox: c.Queue.Address != ""},
		orders: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_total", Help: "Orders that reached a state, and those left pending, by state.",
		}, []string{"state"}),
	}
	if len(c.Payments.Providers) == 0 {
		s.cashier = newSingle(s)
	} else {
		s.cashier = newChain(s)
	}
	on.Metrics.MustRegister(append(service.PoolMetrics(pool.Pool), s.orders)...)
	s.workers = newPool(c.Workers, "workers", poolHelp{
		place:   "a worker",
		refused: "Orders refused because no worker was free in time.",
		busy:    "Orders that are worked on now.",
		max:     "Orders that may be worked on at the same time.",
	}, on.Metrics)
	on.ReadyWithDatabase(c.Database, pool.Ping)
	on.Handle("POST /v1/orders", "order", s.postOrder)
	settling, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.settle(settling) })
	if s.store.outbox {
		r := newRelay(on, *c, s.store)
		wg.Go(func() { r.run(settling) })
	}
	return func() {
		stop()
		wg.Wait()
		pool.Close()
	}, nil
}

func gauge(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
}

func (s *checkout) postOrder(w http.ResponseWriter, r *http.Request) {
	var req api.OrderRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	if err := d.Decode(&req); err != nil || !sensible(req) {
		service.Fail(w, r, http.StatusBadRequest, "bad_order", "an order has a key of 8 to 100 characters and 1 to 50 lines, each product once with a quantity of 1 to 99")
		return
	}
	if !s.workers.enter(r.Context()) {
		service.Fail(w, r, http.StatusServiceUnavailable, "busy", "no worker was free in time")
		return
	}
	defer s.workers.leave()
	o, err := s.take(r, req)
	if err != nil {
		s.failed(w, r, err)
		return
	}
	status := http.StatusOK
	if o.State != api.Paid {
		status = http.StatusPaymentRequired
	}
	service.Reply(w, status, o)
}

func sensible(r api.OrderRequest) bool {
	seen := map[int64]bool{}
	for _, l := range r.Lines {
		if l.Quantity < 1 || l.Quantity > 99 || seen[l.ProductID] {
			return false
		}
		seen[l.ProductID] = true
	}
	return len(r.Key) >= 8 && len(r.Key) <= 100 && len(r.Lines) > 0 && len(r.Lines) <= 50
}

// take writes an order down before anybody is charged, charges, and writes down what
// became of it. When that is not known, the order stays pending and is settled later.
func (s *checkout) take(r *http.Request, req api.OrderRequest) (api.Order, error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.config.Database.QueryTimeout)
	defer cancel()
	o, err := s.store.take(ctx, req, r.Header.Get("X-Tenant"), r.Header.Get("X-Region"))
	if err != nil || o.State != api.Pending {
		return o, err
	}
	return s.cashier.pay(r, o)
}

// stateOf is the state of an order by that of its charge.
var stateOf = map[api.ChargeState]api.OrderState{api.Approved: api.Paid, api.Refused: api.Declined, api.Voided: api.Cancelled}

// settle asks the partner about orders that are pending for long: those that never came
// are withdrawn there first, so that they cannot be charged later.
func (s *checkout) settle(ctx context.Context) {
	tick := time.NewTicker(s.config.Settle.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.settleSome(ctx); err != nil && ctx.Err() == nil {
			s.Log.Warn("orders could not be settled", "err", err.Error())
		}
	}
}

func (s *checkout) settleSome(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return s.cashier.settle(ctx)
}

func (s *checkout) failed(w http.ResponseWriter, r *http.Request, err error) {
	var up *service.UpstreamError
	switch {
	case errors.Is(err, errNoProduct):
		service.Fail(w, r, http.StatusNotFound, "no_product", errNoProduct.Error())
	case errors.As(err, &up):
		service.Failed(r, err)
		s.Log.ErrorContext(r.Context(), "payment failed", "err", err.Error(), "request_id", service.RequestID(r))
		if up.Timeout {
			service.Fail(w, r, http.StatusGatewayTimeout, "payment_timeout", "the payment partner did not answer in time")
			return
		}
		service.Fail(w, r, http.StatusBadGateway, "payment_failed", "the payment partner could not be used")
	default:
		s.FailDatabase(w, r, err)
	}
}
