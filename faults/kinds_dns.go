package faults

import (
	"slices"
	"strings"
)

var dnsBackends = []string{"queue"}

// lookupParams are those of a fault on queries of some types.
func lookupParams(all string, types ...string) []Param {
	return []Param{
		{"name", "string", "", "every name", "a host name, with up to 4 * for any text", "the names concerned, such as db.shop.internal or *.shop.internal"},
		{"type", "string", "", all, strings.Join(types, ", "), "the type of query concerned"},
		{"percent", "number", "percent", "100", "above 0, up to 100", "share of the queries concerned"},
		{"seed", "integer", "", "0 (chosen and recorded)", "0 to 18446744073709551615", "fixes which queries are concerned"},
	}
}

func onLookups(more ...Param) []Param {
	return slices.Concat(lookupParams("every type", queryTypes...), more)
}

// dnsKinds are the faults on looking up names.
var dnsKinds = []KindInfo{
	{
		Kind: "dns-error", Family: "dns", Does: "lookups are answered with an error", Backends: dnsBackends,
		Params: onLookups(Param{"code", "string", "", "nxdomain", "nxdomain, servfail, refused", "the answer; over TCP the connection is reset"}),
		Sees:   "no such host, or temporary failure in name resolution, at once, while all services are up and open connections go on",
		decode: decodeAs[DNSError],
	},
	{
		Kind: "dns-timeout", Family: "dns", Does: "lookups get no answer", Backends: dnsBackends,
		Params: onLookups(),
		Sees:   "requests on new connections take five seconds more, or ten, or fail; those on open connections are quick",
		decode: decodeAs[DNSTimeout],
	},
	{
		Kind: "dns-delay", Family: "dns", Does: "lookups take longer", Backends: dnsBackends,
		Params: onLookups(Param{"delay", "duration", "time", "", "above 0, up to 10s", "added to each query"}),
		Sees:   "a gap before connecting, for new connections only",
		decode: decodeAs[DNSDelay], example: map[string]string{"delay": "500ms"},
	},
	{
		Kind: "dns-address", Family: "dns", Does: "lookups give wrong addresses", Backends: dnsBackends,
		Params: append(lookupParams("A and AAAA", "A", "AAAA"),
			Param{"addresses", "list", "", "", "1 to 8 IP addresses", "the answer: IPv4 to a query for A, IPv6 to AAAA; over TCP the connection is reset"}),
		Sees:   "callers time out or reach somebody else's service while the name is right when asked for elsewhere",
		decode: decodeAs[DNSAddress], example: map[string]string{"addresses": "192.0.2.1"},
	},
}
