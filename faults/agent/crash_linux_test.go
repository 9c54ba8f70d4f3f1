package agent

import (
	"errors"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"
)

func TestCrashLoop(t *testing.T) {
	b := newBench(t)
	id := b.run("crash-"+b.label[len(b.label)-8:], func(s *engine.Spec) { s.Restart = "always" })
	count := func() int {
		c, err := b.Inspect(t.Context(), id)
		must(t, err)
		return c.RestartCount
	}
	a := b.start()
	inject := func(id string, after, ttl time.Duration) (*Injection, error) {
		return a.Inject(t.Context(), id, faults.CrashLoop{After: after}, InjectOptions{TTL: ttl})
	}
	if _, err := inject(b.target, time.Second, time.Minute); !errors.Is(err, &Error{Code: Refused}) {
		t.Errorf("without a restart policy: %v", err)
	}
	in, err := inject(id, 300*time.Millisecond, time.Minute)
	must(t, err)
	t.Log(in.Status().Measured.Saw)
	b.eventually("three restarts", 15*time.Second, func() bool { return count() >= 3 && in.Status().Packets.Hit >= 3 })
	e := in.Status()
	if e.State != Active || e.Measured == nil {
		t.Errorf("status %+v", e)
	}
	t.Logf("%d kills; the last: %s", e.Packets.Hit, e.Measured.Saw)
	for range 2 {
		must(t, in.Revert(t.Context()))
	}
	if e := in.Status(); e.State != Reverted {
		t.Errorf("after revert %+v", e)
	}
	stays := func(longer time.Duration) {
		t.Helper()
		b.eventually("it runs", 15*time.Second, func() bool {
			c, err := b.Inspect(t.Context(), id)
			return err == nil && c.Running() && c.Pid != 0
		})
		c, err := b.Inspect(t.Context(), id)
		must(t, err)
		time.Sleep(longer) // than it was left to run before
		if now, err := b.Inspect(t.Context(), id); err != nil || now.Pid != c.Pid {
			t.Errorf("it crashed on: %+v, %v", now, err)
		}
	}
	stays(time.Second)
	in, err = inject(id, time.Second, time.Minute)
	must(t, err)
	b.eventually("it waits for the next crash", 15*time.Second, func() bool {
		c, err := b.Inspect(t.Context(), id)
		return err == nil && c.Running() && c.Pid != 0 && c.Pid != in.Status().PID
	})
	began := time.Now()
	must(t, in.Revert(t.Context()))
	if took := time.Since(began); took > 500*time.Millisecond {
		t.Errorf("a revert waited %v for the crash", took)
	}
	stays(1300 * time.Millisecond)
	// The time to live ends what waits as well, and so does the agent's end.
	in, err = inject(id, time.Second, 2500*time.Millisecond)
	must(t, err)
	b.eventually("expired", 4*time.Second, func() bool { return in.Status().State == Expired })
	stays(1300 * time.Millisecond)
	_, err = inject(id, time.Second, time.Minute)
	must(t, err)
	must(t, b.Kill(t.Context(), a.ContainerID(), "SIGKILL"))
	stays(1300 * time.Millisecond)
}
