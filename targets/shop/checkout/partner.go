package checkout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"

	"faultlab/targets/shop/api"
	"faultlab/targets/shop/service"
)

// partner calls the payment partner.
type partner struct {
	upstream *service.Upstream
	header   http.Header
	breaker  *gobreaker.CircuitBreaker[api.Charge] // nil: none
}

func newPartner(c PaymentsConfig, register prometheus.Registerer) *partner {
	p := &partner{upstream: service.NewUpstream("payments", c.UpstreamConfig, register), header: http.Header{}}
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

// charge has a customer charged. Errors are *[service.UpstreamError].
func (p *partner) charge(r *http.Request, c api.ChargeRequest) (api.Charge, error) {
	if p.breaker == nil {
		return p.post(r.Context(), r.Header, "/v1/charges", c)
	}
	charge, err := p.breaker.Execute(func() (api.Charge, error) { return p.post(r.Context(), r.Header, "/v1/charges", c) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return charge, service.NoAnswer(err)
	}
	return charge, err
}

// void withdraws a charge that may not have come, and tells what became of it.
func (p *partner) void(ctx context.Context, key string) (api.Charge, error) {
	return p.post(ctx, nil, "/v1/charges/"+url.PathEscape(key)+"/void", nil)
}

func (p *partner) post(ctx context.Context, from http.Header, path string, body any) (api.Charge, error) {
	answer, err := p.upstream.Call(ctx, service.Call{Method: http.MethodPost, Path: path, From: from, Header: p.header, Body: body})
	if err != nil {
		return api.Charge{}, err
	}
	var c api.Charge
	if err := json.Unmarshal(answer, &c); err != nil || c.State == "" {
		return c, service.NoAnswer(fmt.Errorf("the partner's answer is not a charge: %.100s", answer))
	}
	return c, nil
}
