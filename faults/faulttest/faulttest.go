// Package faulttest breaks containers from Go tests. What a test injects is taken
// away at its end, also when it fails, the last first. A fault that is not proved gone
// fails the test, also where nobody was left to measure against, and so does one that
// broke off because its agent died or because it could not be put back after a restart:
//
//	in := faulttest.Start(t)
//	in.Inject(container, faults.Latency{Delay: 200 * time.Millisecond})
//
// The test of this package in postgres_test.go is one of a user, whole: it breaks the
// network of a PostgreSQL that testcontainers-go runs.
package faulttest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

// labelTest marks the agent of one test.
const labelTest = "faultlab.faulttest"

// Injector injects faults for one test. It may be used by many goroutines, like
// the test's own Error, but Inject ends the test and so belongs to its goroutine.
type Injector struct {
	t      testing.TB
	agent  *agent.Agent
	engine *engine.Engine

	mu  sync.Mutex
	all []*agent.Injection
}

// Start runs an agent for a test, on the engine that DOCKER_HOST or the default
// socket names. At the end of the test every fault is reverted, the agent is
// removed, and the test fails if a fault was not proved gone or a container is
// left. An engine that cannot be used fails the test; see [engine.Open] to ask first.
func Start(t testing.TB) *Injector {
	t.Helper()
	e, err := engine.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		e.Close()
		t.Fatal(err)
	}
	mark := strings.ReplaceAll(t.Name(), "/", ".") + "-" + time.Now().UTC().Format("150405.000000000")
	a, err := agent.Start(t.Context(), agent.Options{Engine: e, Image: image, Labels: map[string]string{labelTest: mark}})
	if err != nil {
		e.Close()
		t.Fatal(err)
	}
	in := &Injector{t: t, agent: a, engine: e}
	t.Cleanup(func() { in.finish(mark) })
	return in
}

// Inject puts a fault into a running container (its id or name) until the test
// ends, or for opts[0].TTL, and returns when a probe has seen its effect; otherwise
// it ends the test. Several faults on one container add up.
func (in *Injector) Inject(container string, f faults.Fault, opts ...agent.InjectOptions) *agent.Injection {
	in.t.Helper()
	o := agent.InjectOptions{}
	if len(opts) > 0 {
		o = opts[0]
	}
	o.AnyTarget = true // the test named it
	x, err := in.agent.Inject(in.t.Context(), container, f, o)
	if err != nil {
		in.t.Fatalf("inject %s: %v", f.Kind(), err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.all = append(in.all, x)
	return x
}

// Journal gives what was set and measured, injection by injection.
func (in *Injector) Journal() []agent.Entry { return in.agent.Journal() }

// finish takes everything away and looks whether it is gone.
func (in *Injector) finish(mark string) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.t.Context()), time.Minute)
	defer cancel()
	defer in.engine.Close()
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, x := range slices.Backward(in.all) {
		// Each was proved with those before it in place, and is again. Close tells of errors.
		_ = x.Revert(ctx)
	}
	if err := in.agent.Close(ctx); err != nil {
		in.t.Errorf("take the faults away: %v", err)
	}
	for _, e := range in.agent.Journal() {
		if e.State == agent.Active {
			in.t.Errorf("%s on %s is still active", e.Kind, e.Target)
		}
		if why := e.Unseen(); why != "" {
			in.t.Errorf("%s on %s is %s: %s", e.Kind, e.Target, e.State, why)
		}
	}
	left, err := in.engine.List(ctx, labelTest+"="+mark)
	if err != nil {
		in.t.Error(err)
	}
	for _, c := range left {
		in.t.Errorf("container %s is left", c.Name)
	}
}
