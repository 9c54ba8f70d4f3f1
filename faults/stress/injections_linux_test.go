package stress

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
)

// placed is a fault that is active, as the library says.
type placed struct {
	claim
	in *agent.Injection
}

func claims(list []placed) (out []claim) {
	for _, p := range list {
		out = append(out, p.claim)
	}
	return out
}

const sectionInjections = "Injections"

// Random faults, up to three at once, taken away in random order: each is felt by a user
// as long as the library says that it is active, the others stay exact, and in the end the
// target is as it was.
func TestInjections(t *testing.T) {
	if *injections == 0 {
		t.Skip("none asked for")
	}
	w := newWorld(t)
	a := w.agent()
	r := rand.New(rand.NewPCG(*seed, 1))
	others, err := otherKinds()
	must(t, err)
	for done := 0; done < *injections && len(report.violations) < 20; {
		done += w.batch(a, r, others)
	}
	must(t, a.Close(t.Context()))
	w.within(10*time.Second, "nothing is left", func() bool { return len(w.left(rulesOf(w.pid()))) == 0 })
}

// draw chooses the faults of a batch. Kinds without a row come alone: they may end the target.
func (w *world) draw(r *rand.Rand, others []faults.Fault) []claim {
	if n := r.IntN(20); n < 2 {
		return []claim{{fault: pick(r, others), unknown: true}}
	}
	rows := packetRows
	if r.IntN(5) == 0 {
		rows = slices.Concat(packetRows, processRows, processRows)
	}
	var out []claim
	for range 1 + r.IntN(3) {
		out = append(out, pick(r, rows).draw(r, w))
	}
	if r.IntN(4) > 0 {
		// What silences the peer comes last, and once: nothing could be proved after it.
		slices.SortStableFunc(out, func(a, b claim) int { return cmp.Compare(a.silences(), b.silences()) })
		for len(out) > 1 && out[len(out)-2].dead {
			out = slices.Delete(out, len(out)-2, len(out)-1)
		}
	}
	return out
}

// batch puts some faults in place and takes them away, and says how many were asked for.
func (w *world) batch(a *agent.Agent, r *rand.Rand, others []faults.Fault) int {
	pid := w.pid()
	before := snapshot(pid)
	drawn := w.draw(r, others)
	var in []placed
	for _, c := range drawn {
		if p, ok := w.inject(a, r, c); ok {
			in = append(in, p)
		}
		w.check(pid, in, "after an injection")
	}
	for len(in) > 0 {
		i := r.IntN(len(in))
		w.revert(in[i])
		in = slices.Delete(in, i, i+1)
		w.check(pid, in, "after a revert")
	}
	if now := w.pid(); now != pid { // one of the others has ended it
		if now == 0 {
			must(w.t, w.Start(w.t.Context(), w.target))
		}
		report.count(sectionInjections, "targets that the fault ended, started again", 1)
		w.within(10*time.Second, "the target is back", func() bool { return w.feel(w.pid(), nil) == nil })
		return len(drawn)
	}
	if after := snapshot(pid); after != before {
		report.violation(w.t, "the target is not as before %s:\n%s", told(drawn), unlike(before, after))
	}
	report.count(sectionInjections, "snapshots compared", 1)
	return len(drawn)
}

func (w *world) inject(a *agent.Agent, r *rand.Rand, c claim) (placed, bool) {
	report.count(sectionInjections, "asked for", 1)
	o := agent.InjectOptions{TTL: 10 * time.Minute, Seed: r.Uint64()}
	if r.IntN(2) == 0 && !c.unknown {
		o.Probes = []string{w.peer}
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	x, err := a.Inject(ctx, w.target, c.fault, o)
	kind := c.fault.Kind()
	var typed *agent.Error
	switch {
	case errors.As(err, &typed) && typed.Code != agent.Failed && typed.Code != agent.Dead:
		report.count("Refused, by kind and code", kind+": "+string(typed.Code), 1)
		report.count(sectionInjections, "refused with a typed error", 1)
		w.t.Logf("%s: %s", told([]claim{c}), short(err))
		return placed{}, false
	case err != nil:
		report.violation(w.t, "%s: %v", told([]claim{c}), err)
		return placed{}, false
	}
	report.time("inject "+kind, time.Since(began))
	e := x.Status()
	switch {
	case e.State == agent.Expired && c.unknown: // over at once
		report.count("Not witnessed, by kind", kind, 1)
		report.count(sectionInjections, "active by the library's word, not witnessed", 1)
		return placed{}, false
	case e.State != agent.Active || e.Measured == nil:
		report.violation(w.t, "%s answers %+v", told([]claim{c}), e)
	}
	if c.unknown {
		report.count("Not witnessed, by kind", kind, 1)
		report.count(sectionInjections, "active by the library's word, not witnessed", 1)
	} else {
		report.count("Witnessed, by kind", kind, 1)
		report.count(sectionInjections, "active and looked at by a user", 1)
	}
	return placed{c, x}, true
}

func (w *world) revert(p placed) {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if err := p.in.Revert(ctx); err != nil {
		report.violation(w.t, "revert %s: %v", told([]claim{p.claim}), err)
	}
	report.time("revert "+p.fault.Kind(), time.Since(began))
	if err := p.in.Revert(ctx); err != nil {
		report.violation(w.t, "revert %s again: %v", p.fault.Kind(), err)
	}
	if s := p.in.Status().State; s != agent.Reverted && !p.unknown {
		report.violation(w.t, "%s is %s after its revert", p.fault.Kind(), s)
	}
}

// check compares what a user feels with what is active. What a busy machine makes late
// is looked at again; what is wrong stays wrong.
func (w *world) check(pid int, in []placed, when string) {
	if slices.ContainsFunc(in, func(p placed) bool { return p.unknown }) || w.pid() != pid {
		return
	}
	var err error
	for try := range 3 {
		if err = w.feel(pid, claims(in)); err == nil {
			if try > 0 {
				report.count(sectionInjections, "looks that were right at a second or third try only", 1)
			}
			report.count(sectionInjections, "looks of a user", 1)
			return
		}
		if w.pid() != pid { // what was injected before has ended it, and the engine sees that now
			return
		}
		w.t.Logf("%s, with %s: %v", when, told(claims(in)), err)
	}
	report.violation(w.t, "%s, with %s: %v", when, told(claims(in)), err)
}

// told is a list of faults as it is written down.
func told(list []claim) string {
	out := "nothing"
	for i, c := range list {
		params, _ := json.Marshal(c.fault)
		if i == 0 {
			out = ""
		}
		out += "[" + c.fault.Kind() + " " + string(params) + "]"
	}
	return out
}
