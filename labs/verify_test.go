package labs

import (
	"errors"
	"strings"
	"testing"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
)

// A lab that is not fit for use and one that could not be looked at never look alike.
func TestSum(t *testing.T) {
	attempt := func(kind, want, got, caught string) Attempt {
		a := Attempt{Name: kind, Kind: kind, Want: want, Got: got, CaughtBy: caught, lab: "9z", variant: "v", fix: &catalog.Fix{Catch: []string{"memory"}}}
		a.OK = a.asWanted()
		return a
	}
	left := attempt("noop", "fail", "fail", "users")
	left.OK, left.Error = false, "network x could not be removed"
	var (
		right   = attempt("right", "pass", "pass", "")
		wrong   = attempt("wrong", "fail", "fail", "users,memory")
		refused = attempt("right", "pass", "fail", "users")
		passed  = attempt("wrong", "fail", "pass", "")
		missed  = attempt("wrong", "fail", "fail", "users")
		unknown = attempt("wrong", "fail", "unknown", "")
		broke   = attempt("right", "pass", "error", "")
	)
	tests := []struct {
		name string
		in   []Attempt
		want grade.Verdict
		why  string // in the error of what could not be checked
	}{
		{"all as wanted", []Attempt{right, wrong}, grade.Pass, ""},
		{"a right fix failed", []Attempt{wrong, refused}, grade.Fail, ""},
		{"a wrong fix passed", []Attempt{right, passed}, grade.Fail, ""},
		{"caught by another check", []Attempt{missed, right}, grade.Fail, ""},
		{"not graded", []Attempt{right, unknown}, grade.Unknown, "1 of the attempts could not be checked; wrong of 9z/v: its grade is unknown"},
		{"not played", []Attempt{broke, unknown, right}, grade.Unknown, "2 of the attempts"},
		{"not cleared away", []Attempt{left}, grade.Unknown, "network x"},
		{"not graded, then failed", []Attempt{unknown, passed}, grade.Fail, ""},
		{"failed, then not graded", []Attempt{passed, broke}, grade.Fail, ""},
	}
	for _, tt := range tests {
		v := sum(tt.in)
		if v.Verdict != tt.want || v.OK != (tt.want == grade.Pass) {
			t.Errorf("%s: verdict %s, ok %v; want %s", tt.name, v.Verdict, v.OK, tt.want)
		}
		err := v.Unchecked()
		var p *Problem
		if (err != nil) != (tt.why != "") || err != nil && (!errors.As(err, &p) || p.Remedy == "" || !strings.Contains(p.Message, tt.why)) {
			t.Errorf("%s: %v; want a problem with %q", tt.name, err, tt.why)
		}
	}
}

func TestAttempts(t *testing.T) {
	if got, err := (VerifyOptions{Labs: []string{"0c"}}).attempts(); err != nil || len(got) != 1 || got[0].Kind != "noop" || got[0].Want != "pass" {
		t.Errorf("of the control: %+v, %v; want that doing nothing passes", got, err)
	}
	for _, tt := range []struct {
		labs, only []string
		n          int
		err        string
	}{
		{[]string{"3a/catalog-memo", "2b/us-b"}, []string{"noop", "raise-limit", "longer-timeouts"}, 4, ""},
		{[]string{"2b/us-b"}, []string{"restart"}, 1, ""},
		{[]string{"2b/us-b"}, []string{"restart", "raise-limit"}, 0, `no lab chosen has an attempt "raise-limit"`},
		{nil, []string{"noop", "Restart"}, 0, `no lab chosen has an attempt "Restart"`},
		{[]string{"3a"}, []string{""}, 0, `no lab chosen has an attempt ""`},
	} {
		got, err := VerifyOptions{Labs: tt.labs, Only: tt.only}.attempts()
		if len(got) != tt.n || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%v --only %q: %d attempts, %v", tt.labs, tt.only, len(got), err)
		}
	}
}

// A wrong fix is graded again until the check that was named for it could say something.
func TestUndecided(t *testing.T) {
	grades := func(fix, users, memory grade.Verdict) *grade.Grade {
		return &grade.Grade{Fix: grade.Part{Verdict: fix}, Checks: []grade.Result{{ID: "users", Verdict: users}, {ID: "memory", Verdict: memory}}}
	}
	for _, tt := range []struct {
		name, kind string
		g          *grade.Grade
		want       bool
	}{
		{"a wrong fix, caught as it should be", "wrong", grades(grade.Fail, grade.Pass, grade.Fail), false},
		{"a wrong fix, caught by another check only", "wrong", grades(grade.Fail, grade.Fail, grade.Pass), false},
		{"a wrong fix whose own check could not be made", "wrong", grades(grade.Fail, grade.Fail, grade.Unknown), true},
		{"a wrong fix that passed", "wrong", grades(grade.Pass, grade.Pass, grade.Pass), false},
		{"a right fix that failed", "right", grades(grade.Fail, grade.Fail, grade.Unknown), false},
		{"a right fix that could not be checked", "right", grades(grade.Unknown, grade.Unknown, grade.Pass), true},
	} {
		a := Attempt{Kind: tt.kind, fix: &catalog.Fix{Catch: []string{"memory"}}}
		if got := a.undecided(tt.g); got != tt.want {
			t.Errorf("%s: undecided is %v", tt.name, got)
		}
	}
}
