package service

import (
	"fmt"
	"strings"
)

// Release is one version of a service. All versions are in the one binary; SHOP_RELEASE
// in the environment says which of them a process is. F is what differs in the code.
type Release[F any] struct {
	Version  string   // e.g. "5.8.0"
	Changes  []string // changelog lines, without bullets
	Features F
}

// Find looks up the features of a version; the error lists the known versions.
func Find[F any](releases []Release[F], service, version string) (F, error) {
	var known []string
	for _, r := range releases {
		if r.Version == version {
			return r.Features, nil
		}
		known = append(known, r.Version)
	}
	var none F
	return none, fmt.Errorf("release of %s is %q; want one of %s", service, version, strings.Join(known, ", "))
}
