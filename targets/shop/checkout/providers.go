package checkout

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/sony/gobreaker/v2"

	"faultlab/targets/shop/service"
)

// ProviderConfig is one payment partner of several.
//
// Which of them may hold an order's charge is written into the order, by name: a name
// stays with a provider, and a provider stays in the list while orders of it are pending.
// Orders from before there was a list belong to the first provider. A list is taken away
// only when no order is pending with another: a checkout without one knows but one partner
// (failover off needs no such care). The database needs the columns of db.Providers.
type ProviderConfig struct {
	Name          string           `yaml:"name"` // letters, digits and hyphens, at most 40; each once
	PartnerConfig `yaml:",inline"` // url has no default
	Pool          PoolConfig       `yaml:"pool"` // calls of it at the same time; max default 8, wait 50ms
}

// UnmarshalYAML reads a provider over the defaults.
func (c *ProviderConfig) UnmarshalYAML(unmarshal func(any) error) error {
	type plain ProviderConfig // without this method
	p := plain(DefaultProvider("", ""))
	if err := unmarshal(&p); err != nil {
		return err
	}
	*c = ProviderConfig(p)
	return nil
}

// DefaultProvider is what an entry of a name and a URL means.
func DefaultProvider(name, url string) ProviderConfig {
	return ProviderConfig{Name: name, PartnerConfig: defaultPartner(url), Pool: PoolConfig{Max: 8, Wait: 50 * time.Millisecond}}
}

// Failover says when the next provider is asked for an order that one has failed.
//
// An order that a provider may have charged is withdrawn there first, and is only then
// given to the next one; where that cannot be done it stays pending, and is settled.
type Failover string

// The policies. What the shop asks wrongly (a status 400, say) and declined cards are
// no failures of a provider.
const (
	// FailoverOff asks nobody else.
	FailoverOff Failover = "off"
	// FailoverOpenBreaker asks the next one when a provider certainly did not take the
	// order: its breaker is open, its pool is full, it accepts no connection, or it
	// answers that it will not serve the shop (401, 403, 404, 429).
	FailoverOpenBreaker Failover = "open-breaker"
	// FailoverError asks the next one after timeouts and broken answers, too.
	FailoverError Failover = "error"
)

// policy is the failover that is meant.
func (c PaymentsConfig) policy() Failover {
	if c.Failover == "" {
		return FailoverOpenBreaker
	}
	return c.Failover
}

var providerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,40}$`)

func (c PaymentsConfig) validateProviders() error {
	var errs []error
	switch c.Failover {
	case "", FailoverOff, FailoverOpenBreaker, FailoverError:
	default:
		errs = append(errs, fmt.Errorf("payments.failover is %q; want off, open-breaker or error", c.Failover))
	}
	if len(c.Providers) < 2 && c.Failover != "" && c.Failover != FailoverOff {
		errs = append(errs, fmt.Errorf("payments.failover is %q with %d payments.providers; want at least 2", c.Failover, len(c.Providers)))
	}
	if len(c.Providers) > 0 && c.PartnerConfig != DefaultConfig().Payments.PartnerConfig {
		errs = append(errs, errors.New("payments.providers is not empty, and keys of the only partner are set, such as payments.url; want one or the other"))
	}
	seen := map[string]bool{}
	for i, p := range c.Providers {
		key := fmt.Sprintf("payments.providers[%d]", i)
		if !providerName.MatchString(p.Name) || seen[p.Name] {
			errs = append(errs, fmt.Errorf("%s.name is %q; want 1 to 40 letters, digits and hyphens, each name once", key, p.Name))
		}
		seen[p.Name] = true
		errs = append(errs, p.Validate(key), p.Pool.Validate(key+".pool"))
	}
	return errors.Join(errs...)
}

// untaken says in a word why a failed charge certainly was not taken; empty: it may
// have been.
func untaken(err *service.UpstreamError) string {
	switch {
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return "breaker_open"
	case errors.Is(err, errPoolFull):
		return "pool_full"
	case err.Sent == 0:
		return "no_connection"
	case err.Sent > 1: // and only the last answer is known
		return ""
	}
	switch err.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
		return "refused"
	}
	return ""
}

// reason says in a word why a policy gives an order to the next provider after a
// failure of one; empty: it does not.
func (f Failover) reason(err *service.UpstreamError) string {
	why := untaken(err)
	switch {
	case f == FailoverOff:
		return ""
	case why != "" || f == FailoverOpenBreaker:
		return why
	case err.Timeout:
		return "timeout"
	case err.Status >= 500:
		return "status"
	case err.Status >= 400:
		return ""
	}
	return "broken"
}
