package grade_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
)

// everyVariant calls do for each lab in each variant.
func everyVariant(t *testing.T, do func(t *testing.T, l *catalog.Lab)) {
	t.Helper()
	for _, id := range catalog.IDs() {
		l, err := catalog.Load(id, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range l.Variants {
			l, err := catalog.Load(id, v.ID)
			if err != nil {
				t.Fatal(err)
			}
			t.Run(id+"/"+v.ID, func(t *testing.T) { do(t, l) })
		}
	}
}

func names(ts []grade.Term) []string {
	var out []string
	for _, t := range ts {
		out = append(out, t.Name)
	}
	return out
}

func right(a catalog.Accepted) grade.Diagnosis {
	return grade.Diagnosis{Component: a.Component[:1], Mechanism: a.Mechanism[:1], Trigger: a.Trigger[:1], Scope: a.Scope[:1]}
}

func TestAcceptedAnswersCanBeGiven(t *testing.T) {
	everyVariant(t, func(t *testing.T, l *catalog.Lab) {
		a := l.Diagnosis
		all := grade.Diagnosis{Component: a.Component, Mechanism: append(slices.Clone(a.Mechanism), a.Family...), Trigger: a.Trigger, Scope: a.Scope}
		if err := all.Validate(); err != nil {
			t.Error(err)
		}
		d := right(a)
		if p := grade.Judge(&d, a, false); p.Verdict != grade.Pass || p.Points != 40 {
			t.Errorf("the right answer: %+v", p)
		}
	})
}

// Over all forms with one term a field, fewer than 1 in 200 may pass.
func TestGuessing(t *testing.T) {
	everyVariant(t, func(t *testing.T, l *catalog.Lab) {
		forms, passed := 0, 0
		for _, c := range names(grade.Components) {
			for _, m := range names(grade.Mechanisms) {
				for _, s := range names(grade.Scopes) {
					for _, tr := range []string{"none", l.Diagnosis.Trigger[0]} { // the others cost the same
						forms++
						d := grade.Diagnosis{Component: []string{c}, Mechanism: []string{m}, Trigger: []string{tr}, Scope: []string{s}}
						p := grade.Judge(&d, l.Diagnosis, false)
						if p.Verdict == grade.Pass {
							passed++
						}
						if p.Points < 0 || p.Points > p.Of {
							t.Fatalf("%+v: %d points", d, p.Points)
						}
					}
				}
			}
		}
		if passed == 0 || passed*200 >= forms {
			t.Errorf("%d of %d forms pass", passed, forms)
		}
	})
}

// A form that lists more than what is accepted never passes, however it is made.
func TestShotgun(t *testing.T) {
	everyVariant(t, func(t *testing.T, l *catalog.Lab) {
		a := l.Diagnosis
		rng := rand.New(rand.NewPCG(1, 2))
		some := func(of []grade.Term, must []string) []string {
			out := slices.Clone(must)
			for _, n := range names(of) {
				if rng.IntN(3) == 0 {
					out = append(out, n)
				}
			}
			rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
			return out
		}
		for range 2000 {
			d := grade.Diagnosis{Component: some(grade.Components, a.Component), Mechanism: some(grade.Mechanisms, a.Mechanism), Trigger: some(grade.Triggers, a.Trigger), Scope: some(grade.Scopes, a.Scope)}
			extra := func(given, accepted []string) bool {
				return slices.ContainsFunc(given, func(v string) bool { return !slices.Contains(accepted, v) })
			}
			p := grade.Judge(&d, a, false)
			if wild := extra(d.Component, a.Component) || extra(d.Mechanism, a.Mechanism) || extra(d.Scope, a.Scope); wild && p.Verdict == grade.Pass {
				t.Fatalf("passes: %+v", d)
			}
		}
		d := right(a)
		d.Mechanism = append(d.Mechanism, a.Family...)
		if p := grade.Judge(&d, a, false); len(a.Family) > 0 && (p.Verdict == grade.Pass || p.Points >= 40) {
			t.Errorf("the right mechanism hedged with its family: %+v", p)
		}
		all := grade.Diagnosis{Component: names(grade.Components), Mechanism: names(grade.Mechanisms), Trigger: names(grade.Triggers), Scope: names(grade.Scopes)}
		if p := grade.Judge(&all, a, false); p.Points != 0 || p.Verdict != grade.Fail {
			t.Errorf("everything listed: %+v", p)
		}
	})
}

func TestJudge(t *testing.T) {
	a := catalog.Accepted{Component: []string{"catalog"}, Mechanism: []string{"memory-leak"}, Family: []string{"memory-limit", "crash-bug"}, Trigger: []string{"release"}, Scope: []string{"all", "region-us"}}
	form := func(c, m, tr, s string) *grade.Diagnosis {
		return &grade.Diagnosis{Component: strings.Fields(c), Mechanism: strings.Fields(m), Trigger: strings.Fields(tr), Scope: strings.Fields(s)}
	}
	tests := map[string]struct {
		d       *grade.Diagnosis
		verdict grade.Verdict
		points  int
	}{
		"none":                  {nil, grade.Fail, 0},
		"empty":                 {&grade.Diagnosis{}, grade.Fail, 0},
		"right":                 {form("catalog", "memory-leak", "release", "all"), grade.Pass, 40},
		"both accepted scopes":  {form("catalog", "memory-leak", "release", "all region-us"), grade.Pass, 40},
		"said twice":            {form("catalog catalog", "memory-leak", "release", "all"), grade.Pass, 40},
		"wrong trigger":         {form("catalog", "memory-leak", "traffic", "all"), grade.Pass, 34},
		"near miss":             {form("catalog", "memory-limit", "release", "all"), grade.Fail, 34},
		"two near misses":       {form("catalog", "memory-limit crash-bug", "release", "all"), grade.Fail, 28},
		"right and near miss":   {form("catalog", "memory-leak memory-limit", "release", "all"), grade.Fail, 34},
		"a wrong one more":      {form("catalog db", "memory-leak", "release", "all"), grade.Fail, 34},
		"two wrong ones more":   {form("catalog db dns", "memory-leak", "release", "all"), grade.Fail, 28},
		"many wrong ones more":  {form("catalog db dns edge web-eu", "memory-leak", "release", "all"), grade.Fail, 28},
		"wrong component":       {form("db", "memory-leak", "release", "all"), grade.Fail, 28},
		"no component":          {form("", "memory-leak", "release", "all"), grade.Fail, 28},
		"all wrong":             {form("db", "mtu", "expiry", "none"), grade.Fail, 0},
		"letter case is a word": {form("Catalog", "memory-leak", "release", "all"), grade.Fail, 28},
	}
	for name, tt := range tests {
		for _, reveal := range []bool{false, true} {
			p := grade.Judge(tt.d, a, reveal)
			if p.Verdict != tt.verdict || p.Points != tt.points || p.Of != 40 {
				t.Errorf("%s: %s, %d of %d; want %s, %d of 40: %q", name, p.Verdict, p.Points, p.Of, tt.verdict, tt.points, p.Why)
			}
			explained(t, name, p)
			if told := strings.Contains(strings.Join(p.Why, " "), "right:"); told != (reveal && tt.d != nil) {
				t.Errorf("%s: reveal %v, but %q", name, reveal, p.Why)
			}
		}
	}
	if err := form("catalog", "memory-leak", "release", "all everyone").Validate(); err == nil || !strings.Contains(err.(*grade.NotAnAnswer).Hint(), "region-us") {
		t.Errorf("unknown value: %v", err)
	}
	if form("catalog", "", "release", "all").Validate() == nil {
		t.Error("an empty field is accepted")
	}
}

var pointsOf = regexp.MustCompile(`: (\d+) of (\d+)`)

// explained checks that the reasons' points add up to the part's.
func explained(t *testing.T, name string, p grade.Part) {
	t.Helper()
	sum := 0
	for _, w := range p.Why {
		if m := pointsOf.FindStringSubmatch(w); m != nil {
			n, _ := strconv.Atoi(m[1])
			sum += n
		}
	}
	if sum != p.Points || len(p.Why) == 0 {
		t.Errorf("%s: %d points, reasons for %d: %q", name, p.Points, sum, p.Why)
	}
}

func TestOverallAndFixed(t *testing.T) {
	results := func(vs ...grade.Verdict) []grade.Result {
		var out []grade.Result
		for i, v := range vs {
			out = append(out, grade.Result{ID: fmt.Sprint("c", i), Proof: "V1", Verdict: v, Measured: "m", Why: "w"})
		}
		return out
	}
	tests := []struct {
		checks  []grade.Verdict
		want    grade.Verdict
		without int // points without a mitigation
	}{
		{nil, grade.Unknown, 0},
		{[]grade.Verdict{grade.Pass}, grade.Pass, 45},
		{[]grade.Verdict{grade.Pass, grade.Pass}, grade.Pass, 45},
		{[]grade.Verdict{grade.Pass, grade.Unknown}, grade.Unknown, 0},
		{[]grade.Verdict{grade.Unknown, grade.Fail}, grade.Fail, 0},
		{[]grade.Verdict{grade.Fail, grade.Pass}, grade.Fail, 0},
		{[]grade.Verdict{grade.Pass, ""}, grade.Unknown, 0}, // never made
		{[]grade.Verdict{"PASS"}, grade.Unknown, 0},
	}
	for _, tt := range tests {
		for _, mitigated := range []bool{false, true} {
			p := grade.Fixed(results(tt.checks...), mitigated)
			want := tt.without
			if mitigated {
				want += 15
			}
			if p.Verdict != tt.want || p.Points != want || p.Of != 60 {
				t.Errorf("%v, mitigated %v: %+v; want %s, %d", tt.checks, mitigated, p, tt.want, want)
			}
			explained(t, fmt.Sprint(tt.checks), p)
			g := grade.Grade{Fix: p, Diagnosis: grade.Part{Verdict: grade.Pass, Points: 40, Of: 40}}
			g.Sum()
			if g.Passed != (tt.want == grade.Pass) || g.Score > 100 || g.Score != want+40 {
				t.Errorf("%v, mitigated %v: passed %v, score %d", tt.checks, mitigated, g.Passed, g.Score)
			}
		}
	}
	g := grade.Grade{Fix: grade.Fixed(results(grade.Pass), true), Diagnosis: grade.Judge(nil, catalog.Accepted{}, false)}
	if g.Sum(); g.Passed || g.Score != 60 {
		t.Errorf("a fix without a diagnosis: passed %v, score %d", g.Passed, g.Score)
	}
}

// Every kind of check that a lab may name is made by the grader.
func TestEveryCheckOfEveryLabIsMade(t *testing.T) {
	everyVariant(t, func(t *testing.T, l *catalog.Lab) {
		for _, c := range l.Checks {
			if !grade.Makes(c.Kind) {
				t.Errorf("check %s is of kind %q, which nothing makes", c.ID, c.Kind)
			}
		}
	})
}
