package grade

import (
	"fmt"
	"slices"
	"strings"

	"faultlab/labs/catalog"
)

// Diagnosis is the form a trainee files. Lists may hold several answers; each
// that is wrong costs half of what a right one earns, and the verdict.
type Diagnosis struct {
	Component []string `json:"component"`
	Mechanism []string `json:"mechanism"`
	Trigger   []string `json:"trigger"`
	Scope     []string `json:"scope"`
}

// Term is one value of the form with what it means.
type Term struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

// Components are the parts that can be at fault.
var Components = []Term{
	{"edge", "HAProxy, the entry"}, {"web-us-a", "web in zone us-a"}, {"web-us-b", "web in zone us-b"}, {"web-eu", "web in eu-a"}, {"web-ap", "web in ap-a"},
	{"catalog", "the catalog service (catalog-a and catalog-b)"}, {"catalog-a", "only the catalog in us-a"}, {"catalog-b", "only the catalog in us-b"}, {"db", "PostgreSQL"}, {"redis", "the cache of the catalogs, and the queue of paid orders"}, {"dns", "the resolver"},
	{"checkout", "the checkout service"}, {"payments", "the payment partner, not ours"}, {"payments-backup", "the other payment partner, not ours"},
	{"shipping", "the worker that takes paid orders from the queue"}, {"jobs", "the machine of batch jobs as a whole"}, {"reports", "the batch job that sums up sales"}, {"edge-stats", "what collects the edge's numbers on jobs"},
	{"link-us-a", "uplink of zone us-a"}, {"link-us-b", "uplink of zone us-b"}, {"link-eu-a", "uplink of zone eu-a"}, {"link-ap-a", "uplink of zone ap-a"},
	{"users", "the users' side: devices, providers"}, {"none", "nothing is broken"},
}

// Mechanisms are the ways things break.
var Mechanisms = []Term{
	{"memory-leak", "live memory grows with time or requests"}, {"fd-leak", "open files or sockets grow"}, {"goroutine-leak", "threads or goroutines grow"},
	{"memory-limit", "a sound process has too little memory"}, {"cpu-throttle", "a CPU quota holds it back"}, {"cpu-saturation", "more work than CPU"},
	{"crash-bug", "an error in the code ends the process"}, {"probe-kill", "a health check ends a sound process"}, {"bad-health-check", "a check tells the wrong thing"},
	{"packet-loss", "packets vanish"}, {"network-latency", "packets are late"}, {"partition", "no packet passes"}, {"bandwidth", "too narrow"}, {"mtu", "large packets vanish"},
	{"dns-failure", "names do not resolve or resolve wrongly"}, {"dns-delay", "names resolve late"},
	{"slow-query", "a statement is slow"}, {"missing-index", "an index is not there"}, {"lock-contention", "waiting for locks"}, {"connection-exhaustion", "no connection is free"}, {"n-plus-one", "too many statements a request"},
	{"dependency-hang", "something called does not answer"}, {"dependency-errors", "something called fails"}, {"retry-storm", "retries multiply load"}, {"timeout-too-short", "gives up too early"},
	{"bad-credentials", "a secret or certificate is wrong"}, {"bad-config", "a setting is wrong"}, {"disk-full", "no space"}, {"cache-failure", "the cache does not help"}, {"routing", "requests go to the wrong place"}, {"overload", "more users than planned"},
	{"monitoring", "the alert or the measurement is wrong"}, {"none", "nothing"},
}

// Triggers are what set it off.
var Triggers = []Term{
	{"release", "a new release of a service"}, {"config-change", "a changed setting"}, {"migration", "a change of the database"}, {"scaling", "more or fewer replicas"},
	{"traffic", "more or other traffic"}, {"schedule", "a time or a periodic job"}, {"expiry", "something ran out"}, {"third-party", "a partner's side"},
	{"network-path", "a change or defect in the network, outside our services"}, {"hardware", "a machine or disk"}, {"none", "nothing"},
}

// Scopes are who is hurt.
var Scopes = []Term{
	{"all", "all users"}, {"region-us", "users in us"}, {"region-eu", "users in eu"}, {"region-ap", "users in ap"}, {"part-us", "some of the users in us"},
	{"some-tenants", "users of some tenants"}, {"some-versions", "users of some app versions"}, {"one-route", "users of one page"}, {"none", "no user"},
}

// Fields lists the form's fields with their values.
var Fields = map[string][]Term{"component": Components, "mechanism": Mechanisms, "trigger": Triggers, "scope": Scopes}

// NotAnAnswer says that a value of the form is not one of its list.
type NotAnAnswer struct{ Field, Value string }

func (e *NotAnAnswer) Error() string {
	if e.Value == "" {
		return "the diagnosis has no " + e.Field
	}
	return fmt.Sprintf("%s cannot be %q", e.Field, e.Value)
}

// Hint lists the values there are.
func (e *NotAnAnswer) Hint() string {
	var have []string
	for _, t := range Fields[e.Field] {
		have = append(have, t.Name)
	}
	return e.Field + " is one or more of: " + strings.Join(have, ", ")
}

// Validate tells whether every value is one of its field's list, and every field
// has at least one.
func (d Diagnosis) Validate() error {
	for _, f := range d.fields(catalog.Accepted{}) {
		if len(f.given) == 0 {
			return &NotAnAnswer{f.name, ""}
		}
		for _, v := range f.given {
			if !slices.ContainsFunc(Fields[f.name], func(t Term) bool { return t.Name == v }) {
				return &NotAnAnswer{f.name, v}
			}
		}
	}
	return nil
}

type field struct {
	name            string
	given, accepted []string
	points          int
}

// fields pairs what was given with what is accepted; the points are 30, 30, 15
// and 25 percent of 40.
func (d Diagnosis) fields(a catalog.Accepted) []field {
	return []field{
		{"component", d.Component, a.Component, 12},
		{"mechanism", d.Mechanism, a.Mechanism, 12},
		{"trigger", d.Trigger, a.Trigger, 6},
		{"scope", d.Scope, a.Scope, 10},
	}
}

// Part is one verdict of a grade with the reason of every point.
type Part struct {
	Verdict Verdict  `json:"verdict"`
	Points  int      `json:"points"`
	Of      int      `json:"of"`
	Why     []string `json:"why"`
}

// mark says how right a field is (2: right, 1: the right family, 0) and how many
// wrong answers it holds. The family earns something only for one that names
// nothing better: beside a right answer, or a second one, it is a guess.
func (f field) mark(family []string) (right, wrong int) {
	near := 0
	for _, v := range slices.Compact(slices.Sorted(slices.Values(f.given))) {
		switch {
		case slices.Contains(f.accepted, v):
			right = 2
		case f.name == "mechanism" && slices.Contains(family, v):
			near++
		default:
			wrong++
		}
	}
	if right == 0 && near > 0 {
		right, near = 1, near-1
	}
	return right, wrong + near
}

// Judge grades a diagnosis, out of 40. It passes when component, mechanism and
// scope are right and nothing wrong was added. reveal says which answers were
// expected; without it only which fields fell short.
func Judge(d *Diagnosis, a catalog.Accepted, reveal bool) Part {
	p := Part{Verdict: Fail, Of: 40}
	if d == nil {
		p.Why = []string{"no diagnosis was filed (faultlab diagnose)"}
		return p
	}
	p.Verdict = Pass
	for _, f := range d.fields(a) {
		right, wrong := f.mark(a.Family)
		got := max(0, f.points*right/2-wrong*f.points/2)
		p.Points += got
		why := fmt.Sprintf("%s: %d of %d", f.name, got, f.points)
		if right == 1 {
			why += "; the right family, not the mechanism itself"
		}
		if wrong > 0 && right > 0 {
			why += "; answers that are wrong cost points"
		}
		if reveal {
			why += fmt.Sprintf(" (%s; right: %s)", strings.Join(f.given, ", "), strings.Join(f.accepted, " or "))
		}
		p.Why = append(p.Why, why)
		if f.name != "trigger" && (right < 2 || wrong > 0) {
			p.Verdict = Fail
		}
	}
	return p
}
