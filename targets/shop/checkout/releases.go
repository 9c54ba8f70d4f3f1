package checkout

import (
	"context"
	"time"

	"faultlab/targets/shop/service"
)

// features are the code paths a release has.
type features struct {
	lasting  bool // a charge goes on when its customer has gone
	oneSetup bool // the clients of all partners are set up in one place
	deadline bool // payments.deadline bounds a charge, not timeout each attempt
}

// Releases are all releases, oldest first.
var Releases = []service.Release[features]{
	{
		Version: "3.4.0",
		Changes: []string{
			"Added: orders whose payment is not known are settled with the partner",
			"Added: configuration keys workers.max and workers.wait",
			"Added: payments.providers lists several partners, payments.failover says when the next one is asked",
			"Added: the queue that queue.address names is told of paid orders",
		},
	},
	{
		Version: "3.5.0",
		Changes: []string{
			"Changed: the clients of all partners are set up in one place",
			"Fixed: a customer who closes the app no longer breaks off a charge under way",
		},
		Features: features{lasting: true, oneSetup: true},
	},
	{
		Version: "3.6.0",
		Changes: []string{
			"Added: configuration key payments.deadline bounds a charge with all its attempts, in place of timeout for each",
			"Fixed: a customer who closes the app no longer breaks off a charge under way",
		},
		Features: features{lasting: true, deadline: true},
	},
}

// setUp gives the configuration of the client that calls a partner.
func (f features) setUp(c service.UpstreamConfig) service.UpstreamConfig {
	switch {
	case f.oneSetup:
		return service.UpstreamConfig{URL: c.URL, MaxIdleConns: c.MaxIdleConns}
	case f.deadline:
		c.Timeout = 0
	}
	return c
}

// charging gives the context of a charge that is made on behalf of a request.
func (f features) charging(request context.Context, deadline time.Duration) (context.Context, context.CancelFunc) {
	if f.lasting {
		request = context.WithoutCancel(request)
	}
	if f.deadline && deadline > 0 {
		return context.WithTimeout(request, deadline)
	}
	return request, func() {}
}
