package faults

import (
	"math"
	"strings"
	"testing"
	"time"
)

var (
	someCalls = Calls{Port: 80, Percent: 5, Seed: 1, Probe: "/health",
		Side: Calling, Peer: Hosts{[]string{"10.0.0.1"}, []string{"pay.shop"}}, Established: Leave}
	someRequests = Requests{Methods: []string{"GET"}, Path: "/a/*"}
)

// fullDependency has faults with every parameter set, for the table's test.
var fullDependency = []Fault{
	DependencyHang{someCalls, someRequests, 7},
	DependencyRefuse{someCalls},
	HTTPError{someCalls, someRequests, 503, "x"},
	DependencySlow{someCalls, someRequests, time.Second, time.Second},
	DependencyRate{someCalls, someRequests, 7},
	DependencyTruncate{someCalls, someRequests, 7},
	DependencyReset{someCalls, someRequests, 7, time.Second},
}

func TestCallsOutOfRange(t *testing.T) {
	c := Calls{Port: 80, Percent: 100}
	for want, f := range map[string]Fault{
		"port is 0; want 1 to 65535":        DependencyRefuse{Calls{Percent: 1}},
		"port is 65536":                     DependencyRefuse{Calls{Port: 65536, Percent: 1}},
		"percent is 0; want above 0":        DependencyRefuse{Calls{Port: 80}},
		"percent is NaN":                    DependencyRefuse{Calls{Port: 80, Percent: math.NaN()}},
		"percent is 101":                    DependencyRefuse{Calls{Port: 80, Percent: 101}},
		`probe is "/a b"`:                   DependencyRefuse{Calls{Port: 80, Percent: 1, Probe: "/a b"}},
		`probe is "\\q"`:                    DependencyRefuse{Calls{Port: 80, Percent: 1, Probe: `\q`}},
		`side is "out"; want called`:        DependencyRefuse{Calls{Port: 80, Percent: 1, Side: "out"}},
		`established is "x"; want end`:      DependencyRefuse{Calls{Port: 80, Percent: 1, Established: "x"}},
		"want none of loopback":             DependencyRefuse{Calls{Port: 80, Percent: 1, Peer: Hosts{Addresses: []string{"127.0.0.1"}}}},
		`peer name is "a b"`:                DependencyRefuse{Calls{Port: 80, Percent: 1, Peer: Hosts{Names: []string{"a b"}}}},
		"status is 200; want 400":           HTTPError{Calls: c, Status: 200},
		"body has 4097 bytes":               HTTPError{Calls: c, Status: 500, Body: strings.Repeat("x", 4097)},
		`method is "get"`:                   HTTPError{Calls: c, Requests: Requests{Methods: []string{"get"}}, Status: 500},
		`path is "cart"`:                    HTTPError{Calls: c, Requests: Requests{Path: "cart"}, Status: 500},
		"after is -1":                       DependencyTruncate{Calls: c, After: -1},
		"delay is 0s; want above 0":         DependencySlow{Calls: c},
		"jitter is 2s":                      DependencySlow{Calls: c, Delay: time.Second, Jitter: 2 * time.Second},
		"delay is 1m1s":                     DependencySlow{Calls: c, Delay: 61 * time.Second},
		"bytes_per_second is 0; want 1":     DependencyRate{Calls: c},
		"time is -1s; want 0":               DependencyReset{Calls: c, Time: -time.Second},
		"after is 2199023255552; want 0 to": DependencyHang{Calls: c, After: 1 << 41},
	} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", f, err, want)
		}
	}
}

func TestRequestsMatch(t *testing.T) {
	for _, tt := range []struct {
		r            Requests
		method, path string
		want         bool
	}{
		{Requests{}, "GET", "/", true},
		{Requests{Methods: []string{"GET", "PUT"}}, "PUT", "/", true},
		{Requests{Methods: []string{"GET"}}, "POST", "/", false},
		{Requests{Path: "/cart"}, "GET", "/cart", true},
		{Requests{Path: "/cart"}, "GET", "/cart/1", false},
		{Requests{Path: "/cart/*"}, "GET", "/cart/1/2", true},
		{Requests{Path: "/cart/*"}, "GET", "/cart", false},
		{Requests{Path: "*.json"}, "GET", "/a/b.json", true},
		{Requests{Path: "/a*a"}, "GET", "/a", false},
		{Requests{Path: "/*/b/*/c"}, "GET", "/x/b/y/z/c", true},
		{Requests{Path: "/*/b/*/c"}, "GET", "/x/y/c", false},
	} {
		if got := tt.r.Match(tt.method, tt.path); got != tt.want {
			t.Errorf("%+v matches %s %s: %v", tt.r, tt.method, tt.path, got)
		}
	}
}
