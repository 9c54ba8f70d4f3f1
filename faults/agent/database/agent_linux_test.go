package database_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"faultlab/faults/agent"
)

// testAgent is an agent in a process of its own.
type testAgent struct {
	*agent.Client
	cmd *exec.Cmd
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

func startAgent(t *testing.T) *testAgent {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=agent")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	a := &testAgent{agent.NewClient(pipes{out, in}), cmd}
	t.Cleanup(func() { a.Close(); cmd.Wait() })
	return a
}

var number int

func (a *testAgent) try(t *testing.T, to *target, kind, params string) (*agent.Entry, error) {
	t.Helper()
	number++
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return a.Inject(ctx, agent.InjectRequest{ID: fmt.Sprint("f", number), Kind: kind, Params: json.RawMessage(params), PID: to.pid})
}

func (a *testAgent) put(t *testing.T, to *target, kind, params string) *agent.Entry {
	t.Helper()
	start := time.Now()
	e, err := a.try(t, to, kind, params)
	if err != nil {
		t.Fatalf("inject %s %s: %v", kind, params, err)
	}
	if e.Measured == nil || e.Measured.Saw == "" {
		t.Fatalf("inject %s answered %+v", kind, e)
	}
	t.Logf("%s, %v: %s", kind, time.Since(start).Round(time.Millisecond), e.Measured.Saw)
	return e
}

// take reverts, twice.
func (a *testAgent) take(t *testing.T, id string) {
	t.Helper()
	for range 2 {
		start := time.Now()
		e, err := a.Revert(t.Context(), id)
		if err != nil || e.State != agent.Reverted || e.Reason != "" || e.Gone == nil {
			t.Fatalf("revert %s: %+v, %v", id, e, err)
		}
		t.Logf("reverted %s in %v: %s", e.Kind, time.Since(start).Round(time.Millisecond), e.Gone.Saw)
	}
}

func within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%s: %v", what, time.Since(start).Round(time.Millisecond))
}
