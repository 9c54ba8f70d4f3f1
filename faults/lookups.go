package faults

import (
	"fmt"
	"slices"
	"strings"
)

// Lookups chooses the DNS queries that a fault concerns: those that processes in the
// target send to port 53 of whatever server, Docker's own at 127.0.0.11 included.
type Lookups struct {
	// Name is a host name, without regard to case, or a pattern in which * is any text,
	// such as *.shop.internal; empty means every name.
	Name string `json:"name,omitempty"`
	// Type is the type of the query, such as A, AAAA or SRV; empty means every type.
	Type string `json:"type,omitempty"`
	// Percent of the queries are concerned; above 0, up to 100; 0 means 100.
	Percent float64 `json:"percent,omitempty"`
	// Seed fixes which queries: the same seed takes the same ones by their order. 0
	// leaves the choice to the agent, which records it.
	Seed uint64 `json:"seed,omitempty"`
}

// queryTypes are the types of queries that can be named.
var queryTypes = []string{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"}

// Share is Percent with its default, from 0 to 1.
func (l Lookups) Share() float64 {
	if l.Percent == 0 {
		return 1
	}
	return l.Percent / 100
}

// Concerns reports whether a query of a type for a name is meant, whatever the share.
func (l Lookups) Concerns(name, typ string) bool {
	return (l.Type == "" || strings.EqualFold(l.Type, typ)) && (l.Name == "" || glob(plain(l.Name), plain(name)))
}

// plain is a name without its last dot, in small letters.
func plain(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// maxStars keeps matching quick.
const maxStars = 4

func (l Lookups) validate() error {
	if len(l.Name) > 253 || strings.ContainsAny(l.Name, " \t\r\n/:") || strings.Count(l.Name, "*") > maxStars || plain(l.Name) == "" && l.Name != "" {
		return fmt.Errorf("name is %.80q; want a host name of up to 253 characters, with up to %d * for any text", l.Name, maxStars)
	}
	if l.Type != "" && !slices.Contains(queryTypes, strings.ToUpper(l.Type)) {
		return fmt.Errorf("type is %.20q; want one of %s, or none for every type", l.Type, strings.Join(queryTypes, ", "))
	}
	// Written so that NaN is refused as well.
	if !(l.Percent >= 0 && l.Percent <= 100) {
		return fmt.Errorf("percent is %v; want above 0, up to 100", l.Percent)
	}
	return nil
}
