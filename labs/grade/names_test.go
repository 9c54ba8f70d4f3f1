package grade_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
)

func (w *fake) Resolve(ctx context.Context, names []string) (map[string]map[string]string, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return w.shop.resolve(names)
}

// named is a fake whose resolver and two containers know two names; bend changes what they
// answer at the nth question.
func named(bend func(n int, got map[string]map[string]string, nobody string)) *fake {
	w := newFake()
	zone := map[string]string{"db.shop.internal": "10.0.0.20", "partner.example": "10.0.0.30"}
	w.inv.Names = zone
	n := 0
	w.shop.resolve = func(names []string) (map[string]map[string]string, error) {
		got := map[string]map[string]string{grade.Resolver: maps.Clone(zone), "app": maps.Clone(zone), "edge": maps.Clone(zone)}
		if bend != nil {
			bend(n, got, names[len(names)-1])
		}
		n++
		return got, nil
	}
	return w
}

func TestNames(t *testing.T) {
	type answers = map[string]map[string]string
	tests := []struct {
		name string
		bend func(n int, got answers, nobody string)
		want grade.Verdict
		text string
	}{
		{"as they were", nil, grade.Pass, "2 names mean what they meant, to the resolver and in 2 containers"},
		{"a wrong record", func(_ int, got answers, _ string) { got[grade.Resolver]["partner.example"] = "10.0.0.13" }, grade.Fail,
			"1 answers are not what they were: the resolver has 10.0.0.13 for partner.example; it was 10.0.0.30"},
		{"a second address", func(_ int, got answers, _ string) { got["app"]["db.shop.internal"] = "10.0.0.20 10.0.0.21" }, grade.Fail, "app has 10.0.0.20 10.0.0.21"},
		{"no answer in one container", func(_ int, got answers, _ string) { delete(got["edge"], "partner.example") }, grade.Fail, "edge has nothing"},
		{"the right address, from a file", func(_ int, got answers, _ string) { got["app"]["db.shop.internal"] += " in its own hosts file" }, grade.Fail, "hosts file"},
		{"names that nobody has", func(_ int, got answers, nobody string) { got["app"][nobody] = "10.0.0.10" }, grade.Fail, ".shop.internal; it was nothing"},
		{"the resolver is told of first", func(_ int, got answers, _ string) {
			for who := range got {
				got[who]["db.shop.internal"] = ""
			}
		}, grade.Fail, "3 answers are not what they were: the resolver has nothing"},
		{"right at the second question", func(n int, got answers, _ string) {
			if n == 0 {
				clear(got[grade.Resolver])
			}
		}, grade.Pass, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if got := lookedUp(t, named(tt.bend)); got.Verdict != tt.want || !strings.Contains(got.Measured, tt.text) {
					t.Errorf("%s; want %s with %q", describe(got), tt.want, tt.text)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := named(nil)
		w.inv.Names = nil
		if got := lookedUp(t, w); got.Verdict != grade.Unknown || !strings.Contains(got.Why, "no record") {
			t.Errorf("nothing to compare with: %s", describe(got))
		}
		w = named(nil)
		w.shop.resolve = func([]string) (map[string]map[string]string, error) { return nil, errors.New("no such container") }
		if got := lookedUp(t, w); got.Verdict != grade.Unknown || !strings.Contains(got.Why, "no such container") {
			t.Errorf("nobody to ask: %s", describe(got))
		}
	})
}

func lookedUp(t *testing.T, w *fake) grade.Result {
	t.Helper()
	lab := &catalog.Lab{Checks: []catalog.Check{{ID: "names", Proof: "V5", Kind: "names", Names: []string{"db.shop.internal", "partner.example"}, Why: "astray"}}}
	return (&grade.Runner{World: w, Lab: lab, Pace: quick}).Run(t.Context())[0]
}
