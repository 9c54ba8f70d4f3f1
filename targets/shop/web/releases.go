package web

import "faultlab/targets/shop/service"

// Name of the service.
const Name = "web"

// features are the code paths a release has.
type features struct {
	related  bool // product pages carry related products
	recorder bool // pages are recorded for replay
	suggest  bool // searches come with what else to search for
}

// Releases are all releases, oldest first.
var Releases = []service.Release[features]{
	{
		Version: "5.7.2",
		Changes: []string{
			"Fixed: a search for blanks is answered with 400 instead of an empty list",
			"Fixed: X-Request-Id of the caller is kept on error answers",
		},
	},
	{
		Version: "5.8.0",
		Changes: []string{
			"Added: product pages show related products of the same category",
			"Changed: upstream deadline and retries come from the configuration",
		},
		Features: features{related: true},
	},
	{
		Version: "5.9.0",
		Changes: []string{
			"Added: customer care can replay the page a customer saw (/debug/replay/{request id})",
			"Added: configuration key recorder.max_entries",
			"Changed: error answers name the upstream that failed",
		},
		Features: features{related: true, recorder: true},
	},
	{
		Version: "5.10.0",
		Changes: []string{
			"Added: search pages offer suggestions, where the catalog has them (2.15.0)",
			"Removed: /debug/replay, customer care uses the logs",
		},
		Features: features{related: true, suggest: true},
	},
}
