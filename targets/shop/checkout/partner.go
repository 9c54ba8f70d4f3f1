package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// errPoolFull says that a partner is not asked because too many calls are under way.
var errPoolFull = errors.New("as many calls as may be are under way")

// unasked is why a partner was not asked.
type unasked struct{ error }

func (e unasked) Unwrap() error { return e.error }

// partner calls a payment partner.
type partner struct {
	name     string // of a listed provider; empty for the only one
	upstream *service.Upstream
	header   http.Header
	breaker  *gobreaker.CircuitBreaker[api.Charge] // nil: none
	pool     *pool                                 // nil: none
	release  features
	deadline time.Duration // of a charge; see [PaymentsConfig]
}

func newPartner(c PartnerConfig, s *checkout, register prometheus.Registerer) *partner {
	p := &partner{
		upstream: service.NewUpstream("payments", s.release.setUp(c.UpstreamConfig), register), header: http.Header{},
		release: s.release, deadline: s.config.Payments.Deadline,
	}
	if c.APIKey != "" {
		p.header.Set("Authorization", "Bearer "+c.APIKey)
	}
	if c.Breaker.Failures == 0 {
		return p
	}
	p.breaker = gobreaker.NewCircuitBreaker[api.Charge](gobreaker.Settings{
		Name: "payments", Timeout: c.Breaker.OpenFor,
		// What the shop asked wrongly, and callers who give up, say nothing about the partner.
		IsSuccessful: func(err error) bool {
			var up *service.UpstreamError
			return err == nil || errors.Is(err, context.Canceled) || errors.As(err, &up) && up.Status >= 400 && up.Status < 500
		},
		// Nor does what kept the shop from asking.
		IsExcluded: func(err error) bool {
			var not unasked
			return errors.As(err, &not) || errors.Is(err, errPoolFull)
		},
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= uint32(c.Breaker.Failures) },
	})
	register.MustRegister(gauge("breaker_open", "1 while calls of the payment partner are given up before they are made.", func() float64 {
		if p.breaker.State() == gobreaker.StateOpen {
			return 1
		}
		return 0
	}))
	return p
}

// charge has a customer charged. It calls claim, if there is one, when nothing but that
// keeps it from asking the partner. Errors are claim's or *[service.UpstreamError].
func (p *partner) charge(r *http.Request, c api.ChargeRequest, claim func(context.Context) error) (charge api.Charge, err error) {
	ctx, end := p.step(r.Context(), "charge")
	defer func() { end(err) }()
	ask := func() (api.Charge, error) {
		if !p.pool.enter(ctx) {
			return api.Charge{}, service.NoAnswer(errPoolFull)
		}
		defer p.pool.leave()
		if claim != nil {
			if err := claim(ctx); err != nil {
				return api.Charge{}, unasked{err}
			}
		}
		ctx, cancel := p.release.charging(ctx, p.deadline)
		defer cancel()
		return p.post(ctx, r.Header, "/v1/charges", c)
	}
	if p.breaker == nil {
		return ask()
	}
	charge, err = p.breaker.Execute(ask)
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return charge, service.NoAnswer(err)
	}
	return charge, err
}

// void withdraws a charge that may not have come, and tells what became of it.
func (p *partner) void(ctx context.Context, key string) (charge api.Charge, err error) {
	ctx, end := p.step(ctx, "void")
	defer func() { end(err) }()
	if !p.pool.enter(ctx) {
		return api.Charge{}, service.NoAnswer(errPoolFull)
	}
	defer p.pool.leave()
	return p.post(ctx, nil, "/v1/charges/"+url.PathEscape(key)+"/void", nil)
}

// step begins the step of asking the partner, which is there also when something keeps
// the shop from asking.
func (p *partner) step(ctx context.Context, what string) (context.Context, func(error)) {
	return service.Step(ctx, strings.TrimSpace(what+" "+p.name))
}

func (p *partner) post(ctx context.Context, from http.Header, path string, body any) (api.Charge, error) {
	answer, err := p.upstream.Call(ctx, service.Call{Method: http.MethodPost, Path: path, From: from, Header: p.header, Body: body})
	if err != nil {
		return api.Charge{}, err
	}
	var c api.Charge
	if err := json.Unmarshal(answer, &c); err != nil || c.State == "" {
		wrong := service.NoAnswer(fmt.Errorf("the partner's answer is not a charge: %.100s", answer))
		wrong.Sent = 1
		return c, wrong
	}
	return c, nil
}
