package stress

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"faultlab/faults/agent"
)

const sectionRestarts = "Restarts"

// Faults follow a target that is restarted.
func TestRestarts(t *testing.T) {
	lives(t, 4, *restarts, "restart", func(w *world, pid int) {
		must(t, w.Restart(t.Context(), w.target, 0))
	})
}

// Faults follow a target that the kernel ends for want of memory and someone starts again.
func TestOOM(t *testing.T) {
	lives(t, 5, *ooms, "OOM kill", func(w *world, pid int) {
		ask(pid, "127.0.0.1", "hog", 30*time.Second)
		w.within(10*time.Second, "the target has ended", func() bool { return w.pid() == 0 })
		c, err := w.Inspect(t.Context(), w.target)
		must(t, err)
		if !c.OOMKilled && c.ExitCode != 137 {
			t.Fatalf("the target ended with %d, not for want of memory", c.ExitCode)
		}
		must(t, w.Start(t.Context(), w.target))
	})
}

// lives gives a target with faults another life, a number of times.
func lives(t *testing.T, stream uint64, n int, what string, again func(w *world, pid int)) {
	if n == 0 {
		t.Skip("none asked for")
	}
	w := newWorld(t)
	w.agent()
	clean := rulesOf(w.pid())
	r := rand.New(rand.NewPCG(*seed, stream))
	rows := slices.Concat(packetRows, processRows[1:]) // what is paused cannot be ended
	for range n {
		var in []placed
		for range 1 + r.IntN(3) {
			if p, ok := w.put(r, pick(r, rows).draw(r, &w.scene)); ok {
				in = append(in, p)
			}
		}
		old := w.pid()
		again(w, old)
		t.Logf("another life for %s", told(claims(in)))
		c, err := w.Inspect(t.Context(), w.target)
		must(t, err)
		report.count(sectionRestarts, what, 1)
		in = slices.DeleteFunc(in, func(p placed) bool { return !w.follows(p, c.Pid, c.StartedAt, what) })
		w.check(c.Pid, in, "after a "+what)
		for len(in) > 0 {
			in = w.revertOne(r, in)
		}
		w.check(c.Pid, nil, "after a "+what+" and the reverts")
		if rules := rulesOf(c.Pid); rules != clean {
			report.violation(t, "left after a %s: %s", what, unlike(clean, rules))
		}
	}
}

// follows waits until a fault is proved in the target's new life, or ended on the record.
func (w *world) follows(p placed, pid int, started time.Time, what string) bool {
	var e agent.Entry
	began := time.Now()
	w.within(45*time.Second, told([]claim{p.claim})+" follows or ends after a "+what, func() bool {
		e = p.in.Status()
		return e.State != agent.Active || e.PID == pid && e.Measured != nil
	})
	if e.State != agent.Active {
		report.count(sectionRestarts, "faults that ended on the record", 1)
		report.time("ended on the record after a "+what, time.Since(began))
		w.t.Logf("%s: %s, %s", p.fault.Kind(), e.State, e.Reason)
		if e.Reason == "" {
			report.violation(w.t, "%s ended without a reason: %+v", p.fault.Kind(), e)
		}
		return false
	}
	report.count(sectionRestarts, "faults that followed", 1)
	report.time("proved again after a "+what+", from the start of the target", e.ActiveAt.Sub(started))
	if took := e.ActiveAt.Sub(started); took > time.Second {
		report.count(sectionRestarts, "faults that took more than 1 s to be proved again", 1)
	}
	return true
}
