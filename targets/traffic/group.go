package traffic

import (
	"cmp"
	"fmt"
	"strings"
)

// Group tells requests apart: whose they are, and what is asked for.
type Group struct {
	Region  string // of the user: us, eu or ap
	Route   string // Home, Search, ...
	Version string // of the user's app
	Tenant  string // whose shop it is
	Device  string // what the app runs on
	Cohort  string // of the experiment that the app takes part in
	IP      string // version of IP over which it comes: IPv4 or IPv6
}

// Dimension is one of the things by which requests are told apart.
type Dimension struct {
	Name string
	of   func(*Group) *string
}

// Of is what a group has in this dimension.
func (d Dimension) Of(g Group) string { return *d.of(&g) }

// Only is a group that has value in this dimension, and nothing in the others.
func (d Dimension) Only(value string) Group {
	var g Group
	*d.of(&g) = value
	return g
}

// Dimensions in the order in which people ask for them, and in which a group is written.
var Dimensions = []Dimension{
	{"region", func(g *Group) *string { return &g.Region }},
	{"route", func(g *Group) *string { return &g.Route }},
	{"version", func(g *Group) *string { return &g.Version }},
	{"tenant", func(g *Group) *string { return &g.Tenant }},
	{"device", func(g *Group) *string { return &g.Device }},
	{"cohort", func(g *Group) *string { return &g.Cohort }},
	{"ip", func(g *Group) *string { return &g.IP }},
}

// Has tells whether g has all that some has; what some leaves empty may be anything.
func (g *Group) Has(some *Group) bool {
	for _, d := range Dimensions {
		if want := *d.of(some); want != "" && want != *d.of(g) {
			return false
		}
	}
	return true
}

func (g Group) compare(other Group) int {
	for _, d := range Dimensions {
		if c := cmp.Compare(*d.of(&g), *d.of(&other)); c != 0 {
			return c
		}
	}
	return 0
}

// none stands for a value that is empty.
const none = "-"

// MarshalText writes what a group has, a word for each dimension: names would be most
// of what traffic writes.
func (g Group) MarshalText() ([]byte, error) {
	text := make([]byte, 0, 64)
	for i, d := range Dimensions {
		if i > 0 {
			text = append(text, ' ')
		}
		text = append(text, cmp.Or(*d.of(&g), none)...)
	}
	return text, nil
}

// UnmarshalText reads what MarshalText wrote.
func (g *Group) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	if len(words) != len(Dimensions) {
		return fmt.Errorf("group %q has %d words; want %d", text, len(words), len(Dimensions))
	}
	for i, d := range Dimensions {
		if *d.of(g) = words[i]; words[i] == none {
			*d.of(g) = ""
		}
	}
	return nil
}
