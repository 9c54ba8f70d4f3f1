package checkout

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shoptest"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	c := DefaultConfig()
	return c, service.Load(shoptest.File(t, text), &c)
}

func TestProvidersAreRead(t *testing.T) {
	c, err := load(t, `
payments:
  failover: error
  providers:
    - {name: primary, url: "http://a:1", timeout: 300ms, api_key: k, pool: {max: 3}, breaker: {failures: 0}}
    - {name: backup, url: "http://b:1"}
`)
	if err != nil {
		t.Fatal(err)
	}
	first, second := DefaultProvider("primary", "http://a:1"), DefaultProvider("backup", "http://b:1")
	first.Timeout, first.APIKey, first.Pool.Max, first.Breaker.Failures = 300*time.Millisecond, "k", 3, 0
	if want := []ProviderConfig{first, second}; !reflect.DeepEqual(c.Payments.Providers, want) {
		t.Errorf("got %+v; want %+v", c.Payments.Providers, want)
	}
	if c.Payments.policy() != FailoverError {
		t.Errorf("the policy is %q", c.Payments.policy())
	}
}

// What the settings of the only partner mean did not change.
func TestTheOnlyPartnerIsRead(t *testing.T) {
	c, err := load(t, "payments: {url: 'http://a:1', timeout: 2s, api_key: k, retries: 1, breaker: {failures: 2}}\nworkers: {max: 3, wait: 1s}")
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.Payments.URL, want.Payments.Timeout, want.Payments.APIKey = "http://a:1", 2*time.Second, "k"
	want.Payments.Retries, want.Payments.Breaker.Failures = 1, 2
	want.Workers.Max, want.Workers.Wait = 3, time.Second
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v; want %+v", c, want)
	}
}

func TestWrongProvidersAreRefused(t *testing.T) {
	two := func(more string) string {
		return "payments: {providers: [{name: a, url: 'http://a:1'}, {name: b, url: 'http://b:1'}]" + more + "}"
	}
	for text, says := range map[string]string{
		two(", failover: sometimes"):    `payments.failover is "sometimes"; want off, open-breaker or error`,
		two(", url: 'http://c:1'"):      "want one or the other",
		two(", breaker: {failures: 9}"): "want one or the other",
		"payments: {failover: error}":   "want at least 2",
		"payments: {providers: [{name: a, url: 'http://a:1'}], failover: error}": "want at least 2",
		"payments: {providers: [{name: a, url: 'http://a:1', pools: {max: 1}}]}": "field pools not found",
		"payments: {providers: [{name: a}]}":                                     `payments.providers[0].url is ""`,
		"payments: {providers: [{url: 'http://a:1'}]}":                           `payments.providers[0].name is ""`,
		"payments: {providers: [{name: a b, url: 'http://a:1'}]}":                "want 1 to 40 letters",

		"payments: {providers: [{name: a, url: 'http://a:1', pool: {max: 0}}]}":               "payments.providers[0].pool.max is 0; want 1 to 10000",
		"payments: {providers: [{name: a, url: 'http://a:1', timeout: 1ms}]}":                 "payments.providers[0].timeout is 1ms; want 10ms to 1m0s",
		"payments: {providers: [{name: a, url: 'http://a:1', breaker: {open_for: 1ms}}]}":     "payments.providers[0].breaker.open_for",
		"payments: {providers: [{name: a, url: 'http://a:1'}, {name: a, url: 'http://b:1'}]}": `payments.providers[1].name is "a"`,
		"workers: {max: 0}": "workers.max is 0; want 1 to 10000",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v; want %q", text, err, says)
		}
	}
	for _, text := range []string{two(""), two(", failover: off"), "payments: {failover: off}"} {
		if _, err := load(t, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestWhenTheNextProviderIsAsked(t *testing.T) {
	failed := func(status, sent int, timeout bool) *service.UpstreamError {
		err := service.NoAnswer(errors.New("x"))
		err.Status, err.Sent, err.Timeout = status, sent, timeout
		return err
	}
	for _, tt := range []struct {
		name              string
		err               *service.UpstreamError
		openBreaker, errs string
	}{
		{"open", service.NoAnswer(gobreaker.ErrOpenState), "breaker_open", "breaker_open"},
		{"half open", service.NoAnswer(gobreaker.ErrTooManyRequests), "breaker_open", "breaker_open"},
		{"full", service.NoAnswer(errPoolFull), "pool_full", "pool_full"},
		{"no connection", failed(0, 0, false), "no_connection", "no_connection"},
		{"connecting takes too long", failed(0, 0, true), "no_connection", "no_connection"},
		{"our key is wrong", failed(401, 1, false), "refused", "refused"},
		{"too many", failed(429, 1, false), "refused", "refused"},
		{"too many, and before that something else", failed(429, 2, false), "", ""},
		{"no answer", failed(0, 1, true), "", "timeout"},
		{"no connection, and before that something else", failed(0, 1, false), "", "broken"},
		{"an error of theirs", failed(503, 1, false), "", "status"},
		{"an error of ours", failed(400, 1, false), "", ""},
		{"not JSON", failed(200, 1, false), "", "broken"},
	} {
		for policy, want := range map[Failover]string{FailoverOff: "", FailoverOpenBreaker: tt.openBreaker, FailoverError: tt.errs} {
			if got := policy.reason(tt.err); got != want {
				t.Errorf("%s, %s: %q; want %q", policy, tt.name, got, want)
			}
		}
	}
}

// With the only partner the metrics are those that they were.
func TestTheOnlyPartnersMetrics(t *testing.T) {
	c := DefaultConfig()
	on := shoptest.Service(Name, "3.4.0")
	closing, err := Build(t.Context(), on, &c) // which does not connect yet
	if err != nil {
		t.Fatal(err)
	}
	defer closing()
	page := shoptest.Get(t, on.Handler(), "/metrics", "").Body.String()
	for _, name := range []string{"provider", "charges_total", "failover"} {
		if strings.Contains(page, name) {
			t.Errorf("the metrics have %s", name)
		}
	}
	for _, line := range []string{
		"# HELP workers_busy Orders that are worked on now.\n", `workers_max{region="us",release="3.4.0",service="checkout",zone="us-a"} 16` + "\n",
		"# HELP workers_refused_total Orders refused because no worker was free in time.\n",
		`breaker_open{region="us",release="3.4.0",service="checkout",zone="us-a"} 0` + "\n",
		`upstream_retries_total{region="us",release="3.4.0",service="checkout",upstream="payments",zone="us-a"} 0` + "\n",
	} {
		if !strings.Contains(page, line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}
