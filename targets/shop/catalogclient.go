package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxUpstreamBody bounds an answer of the catalog; 100 products are 200 KiB.
const maxUpstreamBody = 4 << 20

// upstreamError is a failed call of the catalog, after all attempts.
type upstreamError struct {
	status  int // of the last answer; 0 when there was none
	timeout bool
	err     error
}

func (e *upstreamError) Error() string { return e.err.Error() }
func (e *upstreamError) Unwrap() error { return e.err }

// catalogClient calls the catalog with a deadline, retries and a retry budget.
type catalogClient struct {
	config   CatalogClientConfig
	http     *http.Client
	budget   *retryBudget
	requests *prometheus.CounterVec
	retries  prometheus.Counter
	duration prometheus.Histogram
}

func newCatalogClient(c CatalogClientConfig, register prometheus.Registerer) *catalogClient {
	upstream := prometheus.Labels{"upstream": "catalog"}
	client := &catalogClient{
		config: c,
		budget: newRetryBudget(c.RetryBudgetPercent),
		http: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: c.Timeout, KeepAlive: 15 * time.Second}).DialContext,
			MaxIdleConns:        c.MaxIdleConns,
			MaxIdleConnsPerHost: c.MaxIdleConns,
			IdleConnTimeout:     10 * time.Second,
			DisableCompression:  true,
		}},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "upstream_requests_total", ConstLabels: upstream,
			Help: "Attempts to call an upstream, retries included, by result (ok, status, timeout, connect).",
		}, []string{"result"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "upstream_retries_total", ConstLabels: upstream, Help: "Attempts beyond the first of a call.",
		}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "upstream_request_duration_seconds", ConstLabels: upstream, Help: "Time of one attempt.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}),
	}
	register.MustRegister(client.requests, client.retries, client.duration)
	return client
}

// get asks the catalog for path (with query). It gives the body of the answer,
// which is whole and JSON; errors are *upstreamError.
func (c *catalogClient) get(r *http.Request, path string) ([]byte, error) {
	c.budget.deposit()
	for attempt := 0; ; attempt++ {
		body, err := c.attempt(r, path)
		if err == nil || !retryable(err) || attempt == c.config.Retries || r.Context().Err() != nil {
			return body, err
		}
		if !c.budget.withdraw() {
			return nil, err
		}
		c.retries.Inc()
	}
}

func (c *catalogClient) attempt(r *http.Request, path string) ([]byte, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), c.config.Timeout)
	defer cancel()
	body, err := c.fetch(ctx, r.Header, path)
	if err == nil && !json.Valid(body) {
		err = &upstreamError{status: http.StatusOK, err: errors.New("catalog's answer is not JSON")}
	}
	c.duration.Observe(time.Since(began).Seconds())
	c.requests.WithLabelValues(upstreamResult(err)).Inc()
	return body, err
}

func (c *catalogClient) fetch(ctx context.Context, from http.Header, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.URL+path, nil)
	if err != nil {
		return nil, &upstreamError{err: err}
	}
	for _, name := range []string{"X-Request-Id", "X-Tenant", "X-App-Version"} {
		if v := from.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &upstreamError{timeout: isTimeout(err), err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxUpstreamBody))
	if err != nil {
		return nil, &upstreamError{timeout: isTimeout(err), err: fmt.Errorf("read answer: %w", err)}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &upstreamError{status: resp.StatusCode, err: fmt.Errorf("catalog answered %d", resp.StatusCode)}
	}
	return body, nil
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func retryable(err error) bool {
	var up *upstreamError
	return errors.As(err, &up) && (up.status < 400 || up.status >= 500)
}

func upstreamResult(err error) string {
	var up *upstreamError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &up) && up.timeout:
		return "timeout"
	case up != nil && up.status != 0:
		return "status"
	}
	return "connect"
}
