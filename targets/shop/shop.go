// Package shop lists the services of the sample shop. Each is a package of its own:
// web, which the users call, catalog and checkout, which web calls and which use
// PostgreSQL, payments, which stands for a partner that checkout calls, shipping, which
// checkout tells of paid orders, and reports, which sums them up. Package host is none of
// them: it runs several programs in one container.
package shop

import (
	"slices"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/web"
)

// Release is one version of one service.
type Release struct {
	Service string   // e.g. "web"
	Version string   // e.g. "5.8.0"
	Changes []string // changelog lines, without bullets
}

// Releases are all releases of those services of the shop's own that labs run, oldest
// first within each.
func Releases() []Release {
	return slices.Concat(of(web.Name, web.Releases), of(catalog.Name, catalog.Releases), of(checkout.Name, checkout.Releases),
		of(shipping.Name, shipping.Releases), of(reports.Name, reports.Releases))
}

func of[F any](name string, releases []service.Release[F]) []Release {
	var out []Release
	for _, r := range releases {
		out = append(out, Release{name, r.Version, r.Changes})
	}
	return out
}
