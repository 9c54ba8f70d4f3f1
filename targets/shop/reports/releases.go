package reports

import "faultlab/targets/shop/service"

// features are the code paths a release has.
type features struct {
	featured bool // what sold best becomes the featured products
}

// Releases are all releases, oldest first.
var Releases = []service.Release[features]{
	{
		Version: "1.0.0",
		Changes: []string{
			"Added: sales per region and day, and the products that sold best",
			"Added: orders are read in chunks, with a pause between them",
		},
	},
	{
		Version: "1.1.0",
		Changes: []string{
			"Added: the home page features what sold best (migration 0008)",
			"Added: a new list is taken back if the catalog does not show it within featured.wait",
		},
		Features: features{featured: true},
	},
}
