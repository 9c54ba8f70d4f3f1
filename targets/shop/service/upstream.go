package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/propagation"
)

// maxUpstreamBody bounds an answer; 100 products are 200 KiB. Up to the usual size an
// answer gets its room at once, if it tells how long it is.
const (
	maxUpstreamBody   = 4 << 20
	usualUpstreamBody = 64 << 10
)

// UpstreamError is a failed call of another service, after all attempts.
type UpstreamError struct {
	Status  int // of the last answer; 0 when there was none
	Timeout bool
	Sent    int    // attempts that may have reached the other side; 0: it knows nothing of the call
	Answer  []byte // the body of that answer
	err     error
}

// NoAnswer is the failure of a call that got no answer, or was not made.
func NoAnswer(err error) *UpstreamError { return &UpstreamError{err: err} }

func (e *UpstreamError) Error() string { return e.err.Error() }
func (e *UpstreamError) Unwrap() error { return e.err }

// UpstreamConfig says how a service calls another.
type UpstreamConfig struct {
	URL                string        `yaml:"url"`                  // http://host:port
	Timeout            time.Duration `yaml:"timeout"`              // of one attempt; 10ms to 60s, default 1s
	Retries            int           `yaml:"retries"`              // further attempts after a failed one; 0 to 10, default 0
	RetryBudgetPercent int           `yaml:"retry_budget_percent"` // retries at most this share of calls; 0 = no budget; default 0
	MaxIdleConns       int           `yaml:"max_idle_conns"`       // kept open; 1 to 1000, default 16
}

// DefaultUpstream is what a configuration without the section means.
func DefaultUpstream(url string) UpstreamConfig {
	return UpstreamConfig{URL: url, Timeout: time.Second, MaxIdleConns: 16}
}

// Validate checks every value against its range; key is the section.
func (c UpstreamConfig) Validate(key string) error {
	return errors.Join(
		HTTPURL(key+".url", c.URL),
		Between(key+".timeout", c.Timeout, 10*time.Millisecond, time.Minute),
		Between(key+".retries", c.Retries, 0, 10),
		Between(key+".retry_budget_percent", c.RetryBudgetPercent, 0, 1000),
		Between(key+".max_idle_conns", c.MaxIdleConns, 1, 1000),
	)
}

// Upstream calls another service with a deadline, retries and a retry budget.
type Upstream struct {
	name     string
	config   UpstreamConfig
	http     *http.Client
	budget   *retryBudget
	requests *prometheus.CounterVec
	retries  prometheus.Counter
	duration prometheus.Histogram
}

// NewUpstream gives what calls the service of a name. It counts its calls in register.
// A timeout of 0, which no configuration can have, is none.
func NewUpstream(name string, c UpstreamConfig, register prometheus.Registerer) *Upstream {
	upstream := prometheus.Labels{"upstream": name}
	client := &Upstream{
		name: name, config: c,
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

// Call is a request of one service to another.
type Call struct {
	Method string
	Path   string      // with query
	From   http.Header // of the request on whose behalf it is; its id, tenant, version and region go along
	Header http.Header // what goes along besides
	Body   any         // sent as JSON; nil: none
}

// Get asks for path (with query) on behalf of a request; see [Upstream.Call].
func (c *Upstream) Get(r *http.Request, path string) ([]byte, error) {
	return c.Call(r.Context(), Call{Method: http.MethodGet, Path: path, From: r.Header})
}

// Call gives the body of the answer, which is a 200, whole, and says that it is JSON;
// whether it is finds who decodes it. Errors are *[UpstreamError].
func (c *Upstream) Call(ctx context.Context, call Call) ([]byte, error) {
	var body []byte
	if call.Body != nil {
		var err error
		if body, err = json.Marshal(call.Body); err != nil {
			return nil, NoAnswer(err)
		}
	}
	c.budget.deposit()
	sent := 0
	for attempt := 0; ; attempt++ {
		answer, err := c.attempt(ctx, call, body, attempt, &sent)
		var up *UpstreamError
		if errors.As(err, &up) {
			up.Sent = sent
		}
		if err == nil || !retryable(err) || attempt == c.config.Retries || ctx.Err() != nil {
			return answer, err
		}
		if !c.budget.withdraw() {
			return nil, err
		}
		c.retries.Inc()
	}
}

// attempt makes one attempt, and counts it in sent once it has a connection: from then
// on nobody can say that the other side did not get it.
func (c *Upstream) attempt(ctx context.Context, call Call, body []byte, number int, sent *int) ([]byte, error) {
	began := time.Now()
	if c.config.Timeout > 0 { // in configurations it always is
		bounded, cancel := context.WithTimeout(ctx, c.config.Timeout)
		defer cancel()
		ctx = bounded
	}
	connected := false
	ctx, span := c.startCall(ctx, call, number, &connected)
	answer, err := c.fetch(ctx, call, body)
	if connected {
		*sent++
	}
	endCall(span, err)
	c.duration.Observe(time.Since(began).Seconds())
	c.requests.WithLabelValues(upstreamResult(err)).Inc()
	return answer, err
}

func (c *Upstream) fetch(ctx context.Context, call Call, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, c.config.URL+call.Path, bytes.NewReader(body))
	if err != nil {
		return nil, NoAnswer(err)
	}
	for name, values := range call.Header {
		req.Header[name] = values
	}
	for _, name := range []string{"X-Request-Id", "X-Tenant", "X-App-Version", "X-Cohort", "X-Region"} {
		if v := call.From.Get(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	w3c.Inject(ctx, propagation.HeaderCarrier(req.Header))
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &UpstreamError{Timeout: isTimeout(err), err: err}
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	answer.Grow(int(min(max(resp.ContentLength, 0), usualUpstreamBody)) + bytes.MinRead)
	if _, err := answer.ReadFrom(io.LimitReader(resp.Body, maxUpstreamBody)); err != nil {
		return nil, &UpstreamError{Timeout: isTimeout(err), err: fmt.Errorf("read answer: %w", err)}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &UpstreamError{Status: resp.StatusCode, Answer: answer.Bytes(), err: fmt.Errorf("%s answered %d", c.name, resp.StatusCode)}
	}
	if kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); kind != "application/json" {
		return nil, &UpstreamError{Status: http.StatusOK, err: fmt.Errorf("the answer of %s is %q, not JSON", c.name, kind)}
	}
	return answer.Bytes(), nil
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

func retryable(err error) bool {
	var up *UpstreamError
	return errors.As(err, &up) && (up.Status < 400 || up.Status >= 500)
}

func upstreamResult(err error) string {
	var up *UpstreamError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &up) && up.Timeout:
		return "timeout"
	case up != nil && up.Status != 0:
		return "status"
	}
	return "connect"
}
