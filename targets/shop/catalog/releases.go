package catalog

import "faultlab/targets/shop/service"

// Name of the service.
const Name = "catalog"

// features are the code paths a release has.
type features struct {
	related bool // product pages carry related products
	prefix  bool // the last word of a search may be incomplete
	memo    bool // finished answers are remembered
	suggest bool // suggestions learn from what was shown
	single  bool // lists are read product by product
	prices  bool // tenants have prices of their own
}

// Releases are all releases, oldest first.
var Releases = []service.Release[features]{
	{
		Version: "2.12.0",
		Changes: []string{
			"Changed: featured products and product pages are cached for a short time",
			"Fixed: the pool gives up on a database that does not answer",
		},
		Features: features{related: true},
	},
	{
		Version: "2.13.1",
		Changes: []string{
			"Added: the last word of a search may be incomplete",
			"Fixed: readiness follows the database",
		},
		Features: features{related: true, prefix: true},
	},
	{
		Version: "2.14.0",
		Changes: []string{
			"Added: finished answers are remembered, saves up to 40 % of queries at peak",
			"Added: configuration key memo.max_entries",
			"Fixed: limit is checked before the query runs",
		},
		Features: features{related: true, prefix: true, memo: true},
	},
	{
		Version: "2.15.0",
		Changes: []string{
			"Added: GET /v1/suggest completes what a customer types, recent products first",
			"Added: configuration key suggest.max_entries",
			"Removed: the memo of finished answers, the short cache serves the same purpose",
		},
		Features: features{related: true, prefix: true, suggest: true},
	},
	{
		Version: "2.16.0",
		Changes: []string{
			"Changed: lists and product pages read a product in one and the same way, so that they never differ",
			"Removed: GET /v1/suggest, its index moves to a service of its own",
		},
		Features: features{related: true, prefix: true, single: true},
	},
	{
		Version: "2.17.0",
		Changes: []string{
			"Added: pages show a tenant's own prices (table price_rules)",
			"Removed: GET /v1/suggest, its index moves to a service of its own",
		},
		Features: features{related: true, prefix: true, prices: true},
	},
}
