package agent

import (
	"strings"
	"testing"
	"time"

	"faultlab/faults"
)

// A container that is removed and made anew under its name has the fault again, where
// that is wanted; one that is not made anew ends it on the record.
func TestFollowsAContainerMadeAnew(t *testing.T) {
	b := newBench(t)
	a := b.start()
	name := "anew-" + b.label[len(b.label)-8:]
	first := b.run(name)
	in, err := a.Inject(t.Context(), first, faults.Latency{Delay: 40 * time.Millisecond}, InjectOptions{Probes: b.probes, Recreated: true})
	must(t, err)
	must(t, b.Remove(t.Context(), first))
	b.eventually("on record that it waits", 3*time.Second, func() bool { return strings.Contains(in.Status().Reason, "another of its name") })
	b.target = b.run(name)
	took := b.eventually("active on its successor", 5*time.Second, func() bool {
		s := in.Status()
		return s.State == Active && s.Target == b.target && s.Measured != nil
	})
	if got := b.roundTrip(); got < 39*time.Millisecond {
		t.Errorf("the round trip of the successor is %v", got)
	}
	t.Logf("active %v after the successor ran", took)
	if j := a.Journal(); len(j) != 2 || j[0].State != Lost || j[0].Target != first || j[1].Target != b.target {
		t.Errorf("journal %+v", j)
	}

	must(t, b.Restart(t.Context(), b.target, 0))
	b.eventually("active after the successor's restart", 5*time.Second, func() bool {
		c, err := b.Inspect(t.Context(), b.target)
		s := in.Status()
		return err == nil && s.PID == c.Pid && s.Measured != nil
	})

	must(t, b.Remove(t.Context(), b.target))
	b.eventually("on record that none came", madeAnew+5*time.Second, func() bool {
		s := in.Status()
		return s.State == Lost && strings.Contains(s.Reason, "taken its name")
	})
}
