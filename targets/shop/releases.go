package shop

import (
	"fmt"
	"strings"
)

// Names of the services.
const (
	WebService     = "web"
	CatalogService = "catalog"
)

// Release is one version of one service. All versions are in the one binary;
// SHOP_RELEASE in the environment says which of them a process is.
type Release struct {
	Service string   // WebService or CatalogService
	Version string   // e.g. "5.8.0"
	Changes []string // changelog lines, without bullets
	features
}

// features are the code paths a release has.
type features struct {
	related  bool // product pages carry related products
	recorder bool // web: pages are recorded for replay
	prefix   bool // catalog: the last word of a search may be incomplete
	memo     bool // catalog: finished answers are remembered
	suggest  bool // catalog: suggestions learn from what was shown
}

// Releases are all releases, oldest first within a service.
var Releases = []Release{
	{
		Service: WebService, Version: "5.7.2",
		Changes: []string{
			"Fixed: a search for blanks is answered with 400 instead of an empty list",
			"Fixed: X-Request-Id of the caller is kept on error answers",
		},
	},
	{
		Service: WebService, Version: "5.8.0",
		Changes: []string{
			"Added: product pages show related products of the same category",
			"Changed: upstream deadline and retries come from the configuration",
		},
		features: features{related: true},
	},
	{
		Service: WebService, Version: "5.9.0",
		Changes: []string{
			"Added: customer care can replay the page a customer saw (/debug/replay/{request id})",
			"Added: configuration key recorder.max_entries",
			"Changed: error answers name the upstream that failed",
		},
		features: features{related: true, recorder: true},
	},
	{
		Service: CatalogService, Version: "2.12.0",
		Changes: []string{
			"Changed: featured products and product pages are cached for a short time",
			"Fixed: the pool gives up on a database that does not answer",
		},
		features: features{related: true},
	},
	{
		Service: CatalogService, Version: "2.13.1",
		Changes: []string{
			"Added: the last word of a search may be incomplete",
			"Fixed: readiness follows the database",
		},
		features: features{related: true, prefix: true},
	},
	{
		Service: CatalogService, Version: "2.14.0",
		Changes: []string{
			"Added: finished answers are remembered, saves up to 40 % of queries at peak",
			"Added: configuration key memo.max_entries",
			"Fixed: limit is checked before the query runs",
		},
		features: features{related: true, prefix: true, memo: true},
	},
	{
		Service: CatalogService, Version: "2.15.0",
		Changes: []string{
			"Added: GET /v1/suggest completes what a customer types, recent products first",
			"Added: configuration key suggest.max_entries",
			"Removed: the memo of finished answers, the short cache serves the same purpose",
		},
		features: features{related: true, prefix: true, suggest: true},
	},
}

// FindRelease looks up a release; its error lists the known versions.
func FindRelease(service, version string) (Release, error) {
	var known []string
	for _, r := range Releases {
		if r.Service != service {
			continue
		}
		if r.Version == version {
			return r, nil
		}
		known = append(known, r.Version)
	}
	return Release{}, fmt.Errorf("release of %s is %q; want one of %s", service, version, strings.Join(known, ", "))
}
