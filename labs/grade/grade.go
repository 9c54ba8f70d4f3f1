// Package grade decides whether a diagnosis and a fix are right.
//
// Nothing is matched against what was typed: every check measures how the system
// behaves, from outside the trainee's reach, through the World that control
// provides. A check that could not measure says so; it never passes.
package grade

import (
	"context"
	"fmt"
	"slices"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// Verdict is pass, fail or unknown (could not check).
type Verdict string

// The three verdicts.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Unknown Verdict = "unknown"
)

// Result is one check's outcome.
type Result struct {
	ID       string  `json:"id"`
	Proof    string  `json:"proof"`
	Verdict  Verdict `json:"verdict"`
	Measured string  `json:"measured"` // what was seen
	Limit    string  `json:"limit"`    // what had to be seen
	Why      string  `json:"why"`      // what that means; "" when passed
}

// World is what the checks may look at and do.
type World interface {
	// Now is the time of the newest second that traffic reported.
	Now() time.Time
	// Window is what users got.
	Window(from, to time.Time, f sli.Filter) sli.Window
	// WaitUntil blocks until traffic has reported the second before t.
	WaitUntil(ctx context.Context, t time.Time) error
	// NormalRate is how many requests a second users ask for, all together.
	NormalRate() float64
	// SetRate makes traffic ask factor times as often as normal.
	SetRate(ctx context.Context, factor float64) error
	// Services are the shop's containers, running or not, by compose service.
	Services(ctx context.Context) (map[string][]engine.Container, error)
	// Usage reads a container's counters.
	Usage(ctx context.Context, id string) (engine.Usage, error)
	// Load is what the processors of the engine's machine, and the lab's containers, have done.
	Load(ctx context.Context) (*Load, error)
	// Recreate makes services anew from the declared configuration; none means all.
	Recreate(ctx context.Context, services ...string) error
	// Served reads how many requests each of web's containers has answered.
	Served(ctx context.Context) (map[string]Reading, error)
	// Handled counts the requests that the containers of services answered, by service.
	Handled(ctx context.Context, services []string) (map[string]float64, error)
	// Live reads how many bytes are alive in the heaps of services' containers after a
	// collection, by service and container.
	Live(ctx context.Context, services []string) (map[string]map[string]float64, error)
	// Fresh sends searches that nobody sent before, evenly over a time.
	Fresh(ctx context.Context, count int, over time.Duration) ([]traffic.FreshSearch, error)
	// SQL asks the shop's database, as a role that may read everything and change nothing,
	// and gives the rows as lines with | between the columns.
	SQL(ctx context.Context, query string) (string, error)
	// Resolve asks the shop's resolver for names, and in each of the shop's running
	// containers what programs there find. It gives the addresses by who was asked,
	// [Resolver] or a container, and name, sorted and with blanks between; "" is none.
	Resolve(ctx context.Context, names []string) (map[string]map[string]string, error)
	// Move gives the first payment partner another address, and has all of the shop find it
	// there by the name. It gives what puts the partner back.
	Move(ctx context.Context, name string) (func(context.Context) error, error)
	// Charged counts the charges that this partner has made so far.
	Charged(ctx context.Context) (int, error)
	// Lay puts a fault on an uplink and gives what takes it away again.
	Lay(ctx context.Context, f catalog.Fault) (func(context.Context) error, error)
	// Books is what became of the orders of all users. What users know is read first.
	Books(ctx context.Context) (Books, error)
	// Inventory is the shape of the healthy system, taken before breaking.
	Inventory() Inventory
	// Injector says whether the injection has been in force, untouched, since breaking.
	Injector() (ok bool, why string)
	// Told says whether a team was told the right facts, or has mended the matter already.
	Told(team string) bool
}

// Reading is a container's count of requests at one moment, per site of the users.
type Reading struct {
	At    time.Time
	Sites map[string]float64
}

// Pace is how long measurements take.
type Pace struct {
	Window   time.Duration // of V1
	Requests int           // at least, in a window
	Recover  time.Duration // that a re-created system has to be well again
	Calm     time.Duration // that a roll-out may take to settle before V1 looks
	Hold     time.Duration // that users must be well for a mitigation to count; longer than from one death of a leak to the next
}

// Paces by name.
var Paces = map[string]Pace{
	"real": {Window: 60 * time.Second, Requests: 600, Recover: 15 * time.Second, Calm: 8 * time.Second, Hold: 60 * time.Second},
	"fast": {Window: 15 * time.Second, Requests: 600, Recover: 12 * time.Second, Calm: 8 * time.Second, Hold: 45 * time.Second},
}

// Runner runs the checks of one lab.
type Runner struct {
	World    World
	Lab      *catalog.Lab
	Pace     Pace
	Progress func(string) // nil: none

	since time.Time           // when grading began
	first *tally              // of requests served then, for labs that count attempts
	soaks map[string]*soaking // by check, shared by the restart and the soak checks
}

// kinds is the visible table of what a check can be.
var kinds = map[string]func(*Runner, context.Context, catalog.Check) Result{
	"shape":     (*Runner).shape,
	"owner":     (*Runner).owner,
	"orders":    (*Runner).orders,
	"injector":  (*Runner).injector,
	"slo":       (*Runner).slo,
	"fresh":     (*Runner).fresh,
	"tolerance": (*Runner).tolerance,
	"restart":   (*Runner).restart,
	"soak":      (*Runner).soaked,
	"goods":     (*Runner).goods,
	"names":     (*Runner).names,
	"moved":     (*Runner).moved,
}

// order is that in which kinds run: what only looks first, what disturbs last.
var order = []string{"shape", "owner", "injector", "slo", "fresh", "tolerance", "restart", "soak", "names", "moved", "orders", "goods"}

// Makes tells whether there are checks of a kind.
func Makes(kind string) bool { return kinds[kind] != nil && slices.Contains(order, kind) }

// Run makes every check, in an order that keeps them from disturbing one another,
// and gives the results in the lab's order.
func (r *Runner) Run(ctx context.Context) []Result {
	r.since = time.Now()
	r.soaks, r.first = map[string]*soaking{}, nil
	for _, c := range r.Lab.Checks {
		if c.Kind == "tolerance" {
			if t, err := r.count(ctx); err == nil {
				r.first, r.since = t, t.at
			}
			break
		}
	}
	results := make([]Result, len(r.Lab.Checks))
	for _, kind := range order {
		for i, c := range r.Lab.Checks {
			if c.Kind != kind {
				continue
			}
			r.say("%s %s", c.Proof, c.ID)
			res := kinds[kind](r, ctx, c)
			res.ID, res.Proof = c.ID, c.Proof
			if res.Verdict == Fail && res.Why == "" {
				res.Why = c.Why
			}
			results[i] = res
			r.say("%s %s: %s (%s)", c.Proof, c.ID, res.Verdict, res.Measured)
		}
	}
	r.again(ctx, results)
	return results
}

// again looks at the shape and the injector once more when everything else is
// done: what was handed to the first look need not be what was measured, nor what
// is declared, and an injection that broke off meanwhile made users well.
func (r *Runner) again(ctx context.Context, results []Result) {
	for i, c := range r.Lab.Checks {
		if c.Kind != "shape" && c.Kind != "injector" || results[i].Verdict != Pass {
			continue
		}
		if res := kinds[c.Kind](r, ctx, c); res.Verdict != Pass {
			res.ID, res.Proof = c.ID, c.Proof
			res.Measured += " (at the end of the grading)"
			if res.Verdict == Fail {
				res.Why = c.Why
			}
			results[i] = res
		}
	}
}

func (r *Runner) say(format string, a ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, a...))
	}
}

// unknown is a result for what could not be measured.
func unknown(err error) Result {
	return Result{Verdict: Unknown, Measured: "could not check", Why: err.Error()}
}

// verdict is pass when nothing is wrong.
func verdict(wrong bool) Verdict {
	if wrong {
		return Fail
	}
	return Pass
}

// Overall is fail if any check failed, else unknown if any could not be made.
func Overall(rs []Result) Verdict {
	v := Pass
	for _, r := range rs {
		if r.Verdict == Fail {
			return Fail
		}
		if r.Verdict != Pass { // also one that was never made
			v = Unknown
		}
	}
	if len(rs) == 0 {
		return Unknown
	}
	return v
}
