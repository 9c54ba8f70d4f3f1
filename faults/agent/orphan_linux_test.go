package agent

import (
	"testing"

	"faultlab/faults/engine"
)

// An agent's start removes containers of agents that are over, and leaves alone one
// that somebody may be about to start.
func TestStartSweepsOrphans(t *testing.T) {
	b := newBench(t)
	mark := func(s *engine.Spec) { s.Labels[labelPart] = "agent" }
	over := b.run("", mark, func(s *engine.Spec) {
		s.Env = map[string]string{roleEnv: "none"}
		s.Cmd = []string{"-test.run", "^$"}
	})
	if _, err := b.Wait(t.Context(), over); err != nil {
		t.Fatal(err)
	}
	young, err := b.Create(t.Context(), engine.Spec{Image: b.image, Labels: map[string]string{labelPart: "agent"}})
	must(t, err)
	t.Cleanup(func() { b.Remove(t.Context(), young) })
	b.start()
	if _, err := b.Inspect(t.Context(), over); !engine.IsNotFound(err) {
		t.Errorf("what is over is still there: %v", err)
	}
	if _, err := b.Inspect(t.Context(), young); err != nil {
		t.Errorf("one that was just made is gone: %v", err)
	}
	must(t, b.Remove(t.Context(), young))
}
