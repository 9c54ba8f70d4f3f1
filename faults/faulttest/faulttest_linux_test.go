package faulttest

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

// target runs a container that does nothing and gives its id and address.
func target(t *testing.T) (id, addr string) {
	t.Helper()
	e, err := engine.Open(t.Context())
	if err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatalf("required here: %v", err)
		}
		t.Skip(err)
	}
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	id, err = e.Run(t.Context(), engine.Spec{Image: image, Cmd: []string{"agent"}, StdinOnce: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Error(err)
		}
		e.Close()
	})
	c, err := e.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr = range c.Networks {
	}
	return id, addr
}

// refusal is how long a container takes to refuse a connection.
func refusal(t *testing.T, addr string) time.Duration {
	t.Helper()
	began := time.Now()
	if _, err := net.DialTimeout("tcp", net.JoinHostPort(addr, "9"), 5*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("%v; want the connection refused", err)
	}
	return time.Since(began)
}

// A test's faults add up, are gone when it has ended, and so is its agent.
func TestFaultsEndWithTheTest(t *testing.T) {
	id, addr := target(t)
	var in *Injector
	t.Run("faulty", func(t *testing.T) {
		in = Start(t)
		in.Inject(id, faults.Latency{Delay: 150 * time.Millisecond})
		in.Inject(id, faults.Latency{Delay: 100 * time.Millisecond, Direction: faults.In})
		if took := refusal(t, addr); took < 245*time.Millisecond {
			t.Errorf("answers in %v; want 250 ms", took)
		}
	})
	if took := refusal(t, addr); took > 100*time.Millisecond {
		t.Errorf("answers in %v after the test", took)
	}
	j := in.Journal()
	if len(j) != 2 {
		t.Errorf("the journal has %d entries", len(j))
	}
	for _, e := range j {
		if e.State != agent.Reverted || e.Measured == nil {
			t.Errorf("%+v", e)
		}
	}
}

// A failing test leaves as little; what it says is caught here.
func TestInjectThatCannotWork(t *testing.T) {
	id, addr := target(t)
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
	if took := refusal(t, addr); took > 100*time.Millisecond {
		t.Errorf("answers in %v after the test", took)
	}
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
