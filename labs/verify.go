package labs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/control"
	"faultlab/labs/grade"
	"faultlab/labs/images"
)

// VerifyOptions say what to verify.
type VerifyOptions struct {
	Labs     []string // lab ids or short ids, each with an optional /variant; none means all
	Only     []string // names of attempts (noop, or a fix's file name); none means all
	Pace     string   // real or fast; "" is fast
	Parallel int      // labs at a time; 0: one for each of the engine's processors
	Rounds   int      // how often everything is played; 0 is once
	Seed     uint64   // 0: random ones
	Evidence string   // folder for the reports of attempts that went otherwise than wanted; "": none are kept
}

// Attempt is one fix played in a fresh lab.
type Attempt struct {
	Name     string  `json:"name"`
	Kind     string  `json:"kind"`      // noop, wrong or right
	Want     string  `json:"want"`      // pass, or fail
	Got      string  `json:"got"`       // pass, fail, unknown, or error: it could not be played
	CaughtBy string  `json:"caught_by"` // the checks that failed, separated by commas
	Seconds  float64 `json:"seconds"`
	Gradings int     `json:"gradings"` // 1, and one more for each that could not be made on a busy machine
	OK       bool    `json:"ok"`       // as wanted, and a wrong fix was caught by a check named for it
	Error    string  `json:"error,omitempty"`

	lab, variant string
	fix          *catalog.Fix // nil: do nothing
}

// Verify plays doing nothing, every wrong and every right fix, each in a fresh
// lab, and says whether each was graded as it must be. Doing nothing is right where
// nothing breaks. done is called after each.
func Verify(ctx context.Context, e *engine.Engine, o VerifyOptions, say func(control.Progress), done func(VerifiedLab)) (*Verified, error) {
	if o.Pace == "" {
		o.Pace = "fast"
	}
	if _, ok := grade.Paces[o.Pace]; !ok {
		return nil, refuse(fmt.Sprintf("pace is %q", o.Pace), "--pace is real or fast")
	}
	attempts, err := o.attempts()
	if err != nil {
		return nil, err
	}
	if o.Parallel <= 0 {
		info, err := e.Info(ctx)
		if err != nil {
			return nil, err
		}
		o.Parallel = max(1, info.CPUs)
	}
	set, err := MakeImages(ctx, e, say)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, o.Parallel)
	for i := range attempts {
		a := &attempts[i]
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			a.play(ctx, e, o, set)
			mu.Lock()
			defer mu.Unlock()
			if done != nil {
				done(VerifiedLab{a.lab, a.variant, []Attempt{*a}})
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, refuse("interrupted; every lab was removed", "")
	}
	return sum(attempts), nil
}

// attempts lists what is to be played, labs taking turns so that those that load
// the machine do not all do so at once.
func (o VerifyOptions) attempts() ([]Attempt, error) {
	names := o.Labs
	if len(names) == 0 {
		names = catalog.IDs()
	}
	var lists [][]Attempt
	known := []string{"noop"}
	for _, name := range names {
		l, err := catalog.Pick(name, 1)
		if err != nil {
			return nil, err
		}
		variants := l.Variants
		if strings.Contains(name, "/") {
			variants = []catalog.Variant{l.Variant}
		}
		for _, v := range variants {
			l, err := catalog.Load(l.ID, v.ID)
			if err != nil {
				return nil, err
			}
			lists = append(lists, o.of(l))
			for _, f := range l.Fixes {
				known = append(known, f.Name)
			}
		}
	}
	for _, name := range o.Only {
		if !slices.Contains(known, name) {
			slices.Sort(known[1:])
			return nil, refuse(fmt.Sprintf("no lab chosen has an attempt %q", name), "there are: "+strings.Join(slices.Compact(known), ", "))
		}
	}
	var out []Attempt
	for range max(1, o.Rounds) {
		for i, more := 0, true; more; i++ {
			more = false
			for _, list := range lists {
				if i < len(list) {
					out, more = append(out, list[i]), true
				}
			}
		}
	}
	return out, nil
}

func (o VerifyOptions) of(l *catalog.Lab) []Attempt {
	out := []Attempt{{Name: "noop", Kind: "noop", Want: "fail", lab: l.ID, variant: l.Variant.ID}}
	if l.Healthy() {
		out[0].Want = "pass"
	}
	for i, f := range l.Fixes {
		a := Attempt{Name: f.Name, Kind: "wrong", Want: "fail", lab: l.ID, variant: l.Variant.ID, fix: &l.Fixes[i]}
		if f.Right {
			a.Kind, a.Want = "right", "pass"
		}
		out = append(out, a)
	}
	return slices.DeleteFunc(out, func(a Attempt) bool { return len(o.Only) > 0 && !slices.Contains(o.Only, a.Name) })
}

// play runs one attempt in a lab of its own and removes the lab.
func (a *Attempt) play(ctx context.Context, e *engine.Engine, o VerifyOptions, set *images.Set) {
	began := time.Now()
	id := "v" + random(3)
	report, err := a.run(ctx, e, id, o, set)
	if err != nil {
		a.Got, a.Error = "error", err.Error()
	}
	a.OK = a.asWanted()
	if err := Remove(context.WithoutCancel(ctx), e, id, nil); err != nil {
		// What was graded was graded; but something of the lab is left. A defect of the
		// engine is told and not held against the lab.
		var engines *control.LostCount
		a.OK, a.Error = a.OK && errors.As(err, &engines), strings.TrimSpace(a.Error+" "+err.Error())
	}
	a.Seconds = time.Since(began).Round(100 * time.Millisecond).Seconds()
	if !a.OK && o.Evidence != "" {
		name := fmt.Sprintf("%s-%s-%s-%s.md", a.lab, a.variant, a.Name, id)
		text := fmt.Sprintf("got %s, caught by %q, error %q\n\n%s", a.Got, a.CaughtBy, a.Error, report)
		if err := os.MkdirAll(o.Evidence, 0o755); err == nil {
			err = os.WriteFile(filepath.Join(o.Evidence, name), []byte(text), 0o644)
		}
	}
}

// gradings is how often a fix is graded at most, until the grader could check what is asked.
const gradings = 4

func (a *Attempt) run(ctx context.Context, e *engine.Engine, id string, o VerifyOptions, set *images.Set) (report string, err error) {
	if _, err := Start(ctx, e, StartOptions{Name: a.lab + "/" + a.variant, Seed: o.Seed, Pace: o.Pace, ID: id, TTL: time.Hour, Set: set}, func(control.Progress) {}); err != nil {
		return "", err
	}
	l, err := Find(ctx, e, id)
	if err != nil {
		return "", err
	}
	lab, err := catalog.Load(a.lab, a.variant)
	if err != nil {
		return "", err
	}
	defer func() {
		if r, rerr := l.Report(context.WithoutCancel(ctx), true); rerr == nil {
			report = r.Markdown
		}
	}()
	if a.fix != nil {
		if err := l.apply(ctx, lab, *a.fix); err != nil {
			return "", err
		}
	}
	if a.Kind == "right" {
		if err := l.Diagnose(ctx, accepted(lab)); err != nil {
			return "", err
		}
	}
	var g *grade.Grade
	for {
		if g, err = l.Grade(ctx, nil); err != nil {
			return "", err
		}
		if a.Gradings++; !a.undecided(g) || a.Gradings == gradings {
			break
		}
	}
	var caught []string
	for _, c := range g.Checks {
		if c.Verdict == grade.Fail {
			caught = append(caught, c.ID)
		}
	}
	a.Got, a.CaughtBy = string(g.Fix.Verdict), strings.Join(caught, ",")
	if a.Kind == "right" && g.Fix.Verdict == grade.Pass && !g.Passed {
		a.Got, a.Error = string(grade.Fail), fmt.Sprintf("the accepted diagnosis was not accepted: %v", g.Diagnosis.Why)
	}
	return "", nil
}

// undecided tells whether a grade leaves open what verify asks: whether the fix is right,
// or, of a wrong one, whether a check that was named for it catches it.
func (a *Attempt) undecided(g *grade.Grade) bool {
	if a.Kind != "wrong" || g.Fix.Verdict != grade.Fail {
		return g.Fix.Verdict == grade.Unknown
	}
	open := false
	for _, c := range g.Checks {
		if !slices.Contains(a.fix.Catch, c.ID) {
			continue
		}
		if c.Verdict == grade.Fail {
			return false
		}
		open = open || c.Verdict == grade.Unknown
	}
	return open
}

// apply runs a fix's script in the bastion, in the workspace, with the variant's
// vars as VAR_NAME.
func (l *Lab) apply(ctx context.Context, lab *catalog.Lab, f catalog.Fix) error {
	var env []string
	for k, v := range lab.Variant.Vars {
		env = append(env, "VAR_"+strings.ToUpper(k)+"="+v)
	}
	sort.Strings(env)
	r, err := l.Exec(ctx, engine.Command{Args: []string{"bash", "-c", f.Script}, Env: env})
	if err != nil {
		return err
	}
	if r.Code != 0 {
		return fmt.Errorf("the script of %s ended with exit code %d: %s", f.Name, r.Code, strings.TrimSpace(r.Stderr))
	}
	return nil
}

// accepted is a diagnosis that must be taken as right.
func accepted(l *catalog.Lab) grade.Diagnosis {
	d := l.Diagnosis
	return grade.Diagnosis{Component: d.Component[:1], Mechanism: d.Mechanism[:1], Trigger: d.Trigger[:1], Scope: d.Scope[:1]}
}

// asWanted tells whether an attempt was graded as it must be: a wrong fix at a check
// that was named for it.
func (a *Attempt) asWanted() bool {
	if a.Got != a.Want || a.Kind != "wrong" {
		return a.Got == a.Want
	}
	caught := strings.Split(a.CaughtBy, ",")
	return slices.ContainsFunc(a.fix.Catch, func(c string) bool { return slices.Contains(caught, c) })
}
