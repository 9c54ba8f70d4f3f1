package labs_test

import (
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/grade"
)

// killAndReturn kills control as want of memory would: it comes back by itself, with
// a new agent, and the fault with it.
func killAndReturn(t *testing.T, e *engine.Engine, id string) {
	t.Helper()
	old, err := e.Inspect(t.Context(), control.Name(id, control.RoleAgent))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	kill(t, e, id, control.RoleControl)
	for time.Since(began) < 30*time.Second {
		a, err := e.Inspect(t.Context(), control.Name(id, control.RoleAgent))
		if err == nil && a.ID != old.ID && loss(t, e, id) > 0 {
			t.Logf("control is back, with the fault, after %.1f s", time.Since(began).Seconds())
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("control or its fault did not come back after a kill")
}

// TestKillControl kills control while containers start, while the incident is on
// and during a grade: the effect is gone, and the lab goes on where it can or
// leaves nothing.
func TestKillControl(t *testing.T) {
	e, id := killLab(t)
	err := lossyLab(t, e, id, "containers: 0 of", func() { kill(t, e, id, control.RoleControl) })
	if err == nil {
		t.Fatal("the lab started without its control")
	}
	t.Logf("killed while containers start: %v", err)
	nothingLeft(t, e, id, time.Second)

	if err := lossyLab(t, e, id, "", nil); err != nil {
		t.Fatalf("the same id cannot be started again: %v", err)
	}
	notToldByTheEngine(t, e, id, "2b-packet-loss", "packet-loss", `\"variant\"`)
	killAndLook(t, e, id, control.RoleControl)
	l := resumed(t, e, id)
	g, err := graded(t, l, func() { killAndReturn(t, e, id) })
	if err == nil {
		t.Errorf("a grade whose control was killed says %s", g.Fix.Verdict)
	}
	t.Logf("killed during a grade: %v", err)
	if l, err = labs.Find(t.Context(), e, id); err != nil || l.Resumed {
		t.Fatalf("after it came back by itself: %v; or it was started once more", err)
	}
	if g, err = graded(t, l, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Checks {
		if c.ID == "injector" && (c.Verdict != grade.Pass || strings.Count(c.Measured, "when control was started again") != 2) {
			t.Errorf("injector is %s (%s); want pass, and both gaps told", c.Verdict, c.Measured)
		}
	}
	removed(t, e, id)
}
