package agent

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/engine"
)

// The test binary is also the agent, and the process that stands for a target.
const roleEnv = "FAULTLAB_TEST_ROLE"

// tiedEnv makes a target end with its stdin: fuzzing ends its workers without clean-up, and
// waits for whoever has their pipes.
const tiedEnv = "FAULTLAB_TEST_TIED"

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleVariable)]; role != nil {
		if err := role(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	switch os.Getenv(roleEnv) {
	case "agent":
		k, _ := newKernel()
		k.(*linux).backend = os.Getenv("FAULTLAB_TEST_BACKEND")
		if err := serve(context.Background(), k, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "user": // starts an agent in a container, injects, and waits to be killed
		if err := userRole(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	case "web":
		fmt.Fprintln(os.Stderr, http.ListenAndServe(":8080", page))
		os.Exit(1)
	case "target":
		if err := mountFiles(os.Getenv("FAULTLAB_TEST_ETC")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGTERM)
		if os.Getenv(tiedEnv) != "" {
			go func() { io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
		}
		<-c
		os.Exit(0)
	}
	if !exampleRuns() {
		if err := flag.Set("test.skip", "^Example$"); err != nil { // go test's own flag is parsed later, and wins
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// exampleRuns says whether there is an engine, as the package's example needs: an
// example cannot skip itself.
func exampleRuns() bool {
	if guest() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e, err := engine.Open(ctx)
	if err == nil {
		e.Close()
	}
	return err == nil || os.Getenv("FAULTLAB_REQUIRE") == "1"
}

// testAgent is an agent in a process of its own, as in real life.
type testAgent struct {
	*Client
	cmd *exec.Cmd
}

type pipes struct {
	io.Reader
	io.WriteCloser
}

func startAgent(t testing.TB, backend string) *testAgent {
	t.Helper()
	needRoot(t)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=agent", "FAULTLAB_TEST_BACKEND="+backend)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	a := &testAgent{NewClient(pipes{out, in}), cmd}
	t.Cleanup(func() {
		a.Client.Close()
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the agent does not end")
			cmd.Process.Kill()
		}
	})
	return a
}

var injections struct {
	sync.Mutex
	n int
}

// put injects a fault or fails the test.
func (a *testAgent) put(t testing.TB, l *testLab, kind, params string, more ...func(*InjectRequest)) *Entry {
	t.Helper()
	e, err := a.try(t, l, kind, params, more...)
	if err != nil {
		t.Fatalf("inject %s %s: %v", kind, params, err)
	}
	if e.State != Active || e.Measured == nil || e.ActiveAt.IsZero() || e.EndsAt.IsZero() {
		t.Fatalf("inject %s answered %+v", kind, e)
	}
	return e
}

func (a *testAgent) try(t testing.TB, l *testLab, kind, params string, more ...func(*InjectRequest)) (*Entry, error) {
	t.Helper()
	injections.Lock()
	injections.n++
	id := fmt.Sprintf("f%d", injections.n)
	injections.Unlock()
	req := InjectRequest{ID: id, Kind: kind, Params: json.RawMessage(params), PID: l.pid(), Probes: []string{peerAddr}}
	for _, f := range more {
		f(&req)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return a.Inject(ctx, req)
}

func (a *testAgent) take(t testing.TB, id string) *Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	e, err := a.Revert(ctx, id)
	if err != nil {
		t.Fatalf("revert %s: %v", id, err)
	}
	if e.State == Reverted && e.Reason == "" && e.Gone == nil {
		t.Errorf("the record of %s does not say what was measured when it was taken away", e.Kind)
	}
	return e
}
