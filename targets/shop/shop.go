// Package shop lists the services of the sample shop. Each is a package of its own:
// web, which the users call, and catalog, which web calls and which reads PostgreSQL.
package shop

import (
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/web"
)

// Release is one version of one service.
type Release struct {
	Service string   // e.g. "web"
	Version string   // e.g. "5.8.0"
	Changes []string // changelog lines, without bullets
}

// Releases are all releases, oldest first within a service.
func Releases() []Release {
	return append(of(web.Name, web.Releases), of(catalog.Name, catalog.Releases)...)
}

func of[F any](name string, releases []service.Release[F]) []Release {
	var out []Release
	for _, r := range releases {
		out = append(out, Release{name, r.Version, r.Changes})
	}
	return out
}
