// Package places says where the shop runs and how far apart that is. A place is a zone
// of a region, such as us-a.
package places

import (
	"slices"
	"strings"
	"time"
)

// Label is the label in compose.yaml that says in which place a container runs.
const Label = "place"

// Home is the region of the data and of the services that all regions ask.
const Home = "us"

// Regions are where users are, Home first.
var Regions = []string{Home, "eu", "ap"}

// roundTrips are those between two regions, as they are between the coasts of the
// continents over the public net.
var roundTrips = []struct {
	ends [2]string
	rtt  time.Duration
}{
	{[2]string{"us", "eu"}, 80 * time.Millisecond},
	{[2]string{"us", "ap"}, 150 * time.Millisecond},
	{[2]string{"eu", "ap"}, 220 * time.Millisecond},
}

// Region is the region of a place, or "" where the place is none of a region.
func Region(place string) string {
	region, zone, ok := strings.Cut(place, "-")
	if !ok || zone == "" || !slices.Contains(Regions, region) {
		return ""
	}
	return region
}

// RTT is the round trip between two regions; inside one there is none to speak of.
func RTT(a, b string) time.Duration {
	for _, r := range roundTrips {
		if r.ends == [2]string{a, b} || r.ends == [2]string{b, a} {
			return r.rtt
		}
	}
	return 0
}

// Link is the name of the link between two regions, such as us-eu, whichever is named
// first; "" where there is none.
func Link(a, b string) string {
	for _, r := range roundTrips {
		if r.ends == [2]string{a, b} || r.ends == [2]string{b, a} {
			return r.ends[0] + "-" + r.ends[1]
		}
	}
	return ""
}

// Links are the names of all links between regions.
func Links() []string {
	var out []string
	for _, r := range roundTrips {
		out = append(out, Link(r.ends[0], r.ends[1]))
	}
	return out
}
