package grade_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/grade"
)

// A change during the grading does not slip past the first look at the shape.
func TestShapeIsLookedAtTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFake()
		w.recreate = func([]string) error {
			w.change(func(s map[string][]engine.Container) {
				for name := range s {
					s[name] = []engine.Container{w.container(name)}
				}
				s["app"][0].MemoryLimit = 512 << 20
			})
			return nil
		}
		got := run(t.Context(), w, "shape", "restart")
		if r := got["shape"]; r.Verdict != grade.Fail || r.Why == "" || !strings.Contains(r.Measured, "at the end") {
			t.Errorf("the declared limit is 512 MiB: %s", describe(r))
		}
	})
}

// Users who are well because the injection broke off during the grading prove nothing.
func TestInjectorIsLookedAtTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFake()
		began := time.Now()
		w.injector = func() (bool, string) { return time.Since(began) < 3*time.Second, "gone" }
		got := run(t.Context(), w, "injector", "slo")
		if r := got["injector"]; r.Verdict != grade.Unknown || !strings.Contains(r.Measured, "at the end") {
			t.Errorf("it broke off after 3 s: %s", describe(r))
		}
	})
}
