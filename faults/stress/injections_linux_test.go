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

	"faultlab/faults/agent"
	"faultlab/faults/agent/guesttest"
)

// placed is a fault that is active, as the library says.
type placed struct {
	claim
	in injection
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
	s := newScene(t)
	r := rand.New(rand.NewPCG(*seed, 1))
	for done := 0; done < *injections && len(report.violations) < 20; {
		// Draws of its own: what was refused before must not change them.
		done += s.batch(rand.New(rand.NewPCG(r.Uint64(), 0)))
	}
	must(t, s.close())
	s.within(10*time.Second, "nothing is left", func() bool { return len(s.left()) == 0 })
}

// newScene is a scene with an agent: of containers, or in the guest of processes.
func newScene(t *testing.T) *scene {
	if guesttest.Inside() {
		return newGuest(t)
	}
	w := newWorld(t)
	var err error
	w.others, err = otherKinds()
	must(t, err)
	clean := rulesOf(w.pid())
	w.left = func() []string { return w.remains(clean) }
	w.again = func() { must(t, w.Start(t.Context(), w.target)) }
	w.agent()
	return &w.scene
}

// draw chooses the faults of a batch. Kinds without a row come alone: they may end the target.
func (s *scene) draw(r *rand.Rand) []claim {
	switch alone := r.IntN(40); {
	case alone == 0 && len(s.alone) > 0:
		return []claim{pick(r, s.alone).draw(r, s)}
	case alone < 4 && len(s.others) > 0:
		return []claim{{fault: pick(r, s.others), unknown: true}}
	}
	rows := s.rows
	if r.IntN(4) == 0 {
		rows = slices.Concat(s.rows, s.rare, s.rare)
	}
	var out []claim
	for range 1 + r.IntN(3) {
		if c := pick(r, rows).draw(r, s); !slices.ContainsFunc(out, c.clashes) {
			out = append(out, c)
		}
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
func (s *scene) batch(r *rand.Rand) int {
	pid := s.pid()
	before := snapshot(pid)
	drawn := s.draw(r)
	var in []placed
	for _, c := range drawn {
		if p, ok := s.put(r, c); ok {
			in = append(in, p)
		}
		s.check(pid, in, "after an injection")
	}
	for len(in) > 0 {
		in = s.revertOne(r, in)
		s.check(pid, in, "after a revert")
	}
	if now := s.pid(); now != pid { // one of the others has ended it
		if now == 0 {
			s.again()
		}
		report.count(sectionInjections, "targets that the fault ended, started again", 1)
		s.within(10*time.Second, "the target is back", func() bool { return s.feel(s.pid(), nil) == nil })
		return len(drawn)
	}
	if after := snapshot(pid); after != before {
		report.violation(s.t, "the target is not as before %s:\n%s", told(drawn), unlike(before, after))
	}
	report.count(sectionInjections, "snapshots compared", 1)
	return len(drawn)
}

func (s *scene) put(r *rand.Rand, c claim) (placed, bool) {
	report.count(sectionInjections, "asked for", 1)
	o := agent.InjectOptions{TTL: 10 * time.Minute, Seed: r.Uint64()}
	if s.unseeded {
		o.Seed = 0
	}
	if r.IntN(2) == 0 && !c.unknown {
		o.Probes = []string{s.peer}
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	x, err := s.inject(ctx, c.fault, o)
	kind := c.fault.Kind()
	var typed *agent.Error
	switch {
	case errors.As(err, &typed) && typed.Code != agent.Failed && typed.Code != agent.Dead:
		report.count("Refused, by kind and code", kind+": "+string(typed.Code), 1)
		report.count(sectionInjections, "refused with a typed error", 1)
		s.t.Logf("%s: %s", told([]claim{c}), short(err))
		return placed{}, false
	case err != nil:
		report.violation(s.t, "%s: %v", told([]claim{c}), err)
		return placed{}, false
	}
	report.time("inject "+kind, time.Since(began))
	e := x.Status()
	report.count("Active, by back-end", e.Backend, 1)
	switch {
	case e.State == agent.Expired && c.ends: // over at once
		s.ended(c)
		return placed{}, false
	case e.State == agent.Expired && c.unknown:
		report.count("Not witnessed, by kind", kind, 1)
		report.count(sectionInjections, "active by the library's word, not witnessed", 1)
		return placed{}, false
	case e.State != agent.Active || e.Measured == nil:
		report.violation(s.t, "%s answers %+v", told([]claim{c}), e)
	}
	if c.unknown {
		report.count("Not witnessed, by kind", kind, 1)
		report.count(sectionInjections, "active by the library's word, not witnessed", 1)
	} else {
		report.witnessed(kind)
	}
	return placed{c, x}, true
}

// ended looks at a target that is to have been killed.
func (s *scene) ended(c claim) {
	s.within(5*time.Second, told([]claim{c})+" ends the target", func() bool { return s.pid() == 0 })
	if code, err := s.died(); err != nil || code != 137 {
		report.violation(s.t, "%s: the target ended with %d, %v; want 137", told([]claim{c}), code, err)
	}
	report.witnessed(c.fault.Kind())
}

// revertOne takes one of the faults away, and gives those that stay.
func (s *scene) revertOne(r *rand.Rand, in []placed) (beside []placed) {
	i := r.IntN(len(in))
	p := in[i]
	beside = slices.Delete(in, i, i+1)
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	began := time.Now()
	if err := p.in.Revert(ctx); err != nil {
		report.violation(s.t, "revert %s beside %s: %v", told([]claim{p.claim}), told(claims(beside)), err)
	}
	report.time("revert "+p.fault.Kind(), time.Since(began))
	if err := p.in.Revert(ctx); err != nil {
		report.violation(s.t, "revert %s again: %v", p.fault.Kind(), err)
	}
	if state := p.in.Status().State; state != agent.Reverted && !p.unknown {
		report.violation(s.t, "%s is %s after its revert", p.fault.Kind(), state)
	}
	return beside
}

// check compares what a user feels with what is active. What a busy machine makes late
// is looked at again; what is wrong stays wrong.
func (s *scene) check(pid int, in []placed, when string) {
	if slices.ContainsFunc(in, func(p placed) bool { return p.unknown }) || s.pid() != pid {
		return
	}
	var err error
	for try := range 3 {
		if err = s.feel(pid, claims(in)); err == nil {
			if try > 0 {
				report.count(sectionInjections, "looks that were right at a second or third try only", 1)
			}
			report.count(sectionInjections, "looks of a user", 1)
			return
		}
		if s.pid() != pid { // what was injected before has ended it, and the engine sees that now
			return
		}
		s.t.Logf("%s, with %s: %v", when, told(claims(in)), err)
	}
	report.violation(s.t, "%s, with %s: %v", when, told(claims(in)), err)
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
