package faulttest

import (
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
)

// target runs a container that does nothing.
func target(t *testing.T) (e *engine.Engine, id string) {
	t.Helper()
	e = enginetest.Open(t)
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	return e, enginetest.Run(t, e, engine.Spec{Image: image, Cmd: []string{"agent"}, StdinOnce: true})
}

// A test's faults add up, are gone when it has ended, and so is its agent.
func TestFaultsEndWithTheTest(t *testing.T) {
	e, id := target(t)
	var in *Injector
	t.Run("faulty", func(t *testing.T) {
		in = Start(t)
		in.Inject(id, faults.Latency{Delay: 150 * time.Millisecond})
		in.Inject(id, faults.Latency{Delay: 100 * time.Millisecond, Direction: faults.In})
		if took := enginetest.Refusal(t, e, id); took < 245*time.Millisecond {
			t.Errorf("answers in %v; want 250 ms", took)
		}
	})
	if took := enginetest.Refusal(t, e, id); took > 100*time.Millisecond {
		t.Errorf("answers in %v after the test", took)
	}
	j := in.Journal()
	if len(j) != 2 {
		t.Errorf("the journal has %d entries", len(j))
	}
	for _, x := range j {
		if x.State != agent.Reverted || x.Measured == nil {
			t.Errorf("%+v", x)
		}
	}
}

// A failing test leaves as little; what it says is caught here.
func TestInjectThatCannotWork(t *testing.T) {
	e, id := target(t)
	fake := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := Start(fake)
		in.Inject(id, faults.Latency{Delay: 150 * time.Millisecond})
		in.Inject(id, faults.PacketLoss{Percent: 200})
	}()
	<-done
	for _, f := range fake.cleanups {
		f()
	}
	if fake.fatal == 0 || fake.errors > 0 {
		t.Errorf("%d fatal, %d other errors; want the second injection to end the test", fake.fatal, fake.errors)
	}
	if took := enginetest.Refusal(t, e, id); took > 100*time.Millisecond {
		t.Errorf("answers in %v after the test", took)
	}
}

// A test whose fault broke off, or was not seen to go, has not tested what it says.
func TestUnseenEndsFailTheTest(t *testing.T) {
	e, id := target(t)
	peer := enginetest.Run(t, e, engine.Spec{Image: inspect(t, e, id).Image, Cmd: []string{"agent"}, StdinOnce: true})
	for what, spoil := range map[string]func(in *Injector){
		"nothing happens": func(*Injector) {},
		"the agent dies": func(in *Injector) {
			if err := e.Kill(t.Context(), in.agent.ContainerID(), "SIGKILL"); err != nil {
				t.Fatal(err)
			}
			<-in.agent.Done()
		},
		"the peer is gone": func(*Injector) {
			if err := e.Stop(t.Context(), peer, 0); err != nil {
				t.Fatal(err)
			}
		},
	} {
		if err := e.Start(t.Context(), peer); err != nil {
			t.Fatal(err)
		}
		fake := &failing{TB: t}
		in := Start(fake)
		probes := slices.Collect(maps.Values(inspect(t, e, peer).Networks))
		// What is injected second hides the first, and is taken away first.
		in.Inject(id, faults.Latency{Delay: 50 * time.Millisecond}, agent.InjectOptions{Probes: probes})
		if what == "nothing happens" {
			in.Inject(id, faults.BlackHole{}, agent.InjectOptions{Probes: probes})
		}
		spoil(in)
		for _, f := range fake.cleanups {
			f()
		}
		if failed := fake.errors > 0; failed != (what != "nothing happens") {
			t.Errorf("%s: %d errors", what, fake.errors)
		}
	}
}

func inspect(t *testing.T, e *engine.Engine, id string) engine.Container {
	t.Helper()
	c, err := e.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// failing is a test that may fail.
type failing struct {
	testing.TB
	fatal, errors int
	cleanups      []func()
}

func (f *failing) Cleanup(do func()) { f.cleanups = append([]func(){do}, f.cleanups...) }

func (f *failing) Errorf(format string, a ...any) { f.errors++ }

func (f *failing) Error(a ...any) { f.errors++ }

func (f *failing) Fatalf(format string, a ...any) {
	f.fatal++
	runtime.Goexit()
}
