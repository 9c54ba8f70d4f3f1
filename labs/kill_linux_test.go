package labs_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/endpoint"
)

func open(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context())
	if err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// nothingLeft fails unless every object of a lab is gone within a time.
func nothingLeft(t *testing.T, e *engine.Engine, id string, within time.Duration) {
	t.Helper()
	label := endpoint.LabelLab + "=" + id
	var left string
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		left = ""
		cs, err := e.List(t.Context(), label)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cs {
			left += " container " + c.Name
		}
		nets, _ := e.Networks(t.Context(), label)
		for _, n := range nets {
			left += " network " + n.Name
		}
		vols, _ := e.Volumes(t.Context(), label)
		for _, v := range vols {
			left += " volume " + v.Name
		}
		if left == "" {
			return
		}
	}
	t.Errorf("left after %v:%s", within, left)
}

// TestKillTheCommandWhileItStarts kills the command at three moments of a start.
// The lab removes itself, and the same id can be started again.
func TestKillTheCommandWhileItStarts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole labs")
	}
	e := open(t)
	bin := filepath.Join(t.TempDir(), "faultlab")
	if out, err := exec.Command("go", "build", "-o", bin, "faultlab/cmd/faultlab").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const id = "killcli"
	t.Cleanup(func() { labs.Remove(context.Background(), e, id, nil) })
	for _, moment := range []string{"containers: control", "containers: networks and bastion", "break: waiting"} {
		cmd := exec.Command(bin, "start", "2b/us-b", "--pace", "fast", "--id", id)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := false
		for s := bufio.NewScanner(stderr); s.Scan() && !seen; {
			seen = strings.HasPrefix(s.Text(), moment)
		}
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		if !seen {
			t.Fatalf("the start never said %q", moment)
		}
		began := time.Now()
		nothingLeft(t, e, id, 40*time.Second)
		t.Logf("killed at %q: everything gone after %.1f s", moment, time.Since(began).Seconds())
	}
}

// lossyLab starts a lab with packet loss on zone us-b.
func lossyLab(t *testing.T, e *engine.Engine, id string) {
	t.Helper()
	t.Cleanup(func() {
		labs.Remove(context.Background(), e, id, nil)
	})
	if _, err := labs.Start(t.Context(), e, labs.StartOptions{Name: "2b/us-b", ID: id, Pace: "fast", Seed: 1}, func(control.Progress) {}); err != nil {
		t.Fatal(err)
	}
}

// loss pings web-us-b from the bastion and gives the share of lost packets.
func loss(t *testing.T, e *engine.Engine, id string) float64 {
	t.Helper()
	r, err := e.Exec(t.Context(), control.Name(id, control.RoleBastion), engine.Command{Args: []string{"ping", "-q", "-c", "40", "-i", "0.01", "-W", "1", "web-us-b"}})
	if err != nil {
		t.Fatal(err)
	}
	var sent, got int
	var rest string
	for line := range strings.Lines(r.Stdout) {
		if n, _ := fmt.Sscanf(line, "%d packets transmitted, %d received, %s", &sent, &got, &rest); n >= 2 {
			return 100 * float64(sent-got) / float64(sent)
		}
	}
	t.Fatalf("ping said %q %q", r.Stdout, r.Stderr)
	return 0
}

// TestKillWhatCarriesTheFault kills control and the agent: the effect is gone
// within five seconds, the lab goes on where it can, and a stop leaves nothing.
func TestKillWhatCarriesTheFault(t *testing.T) {
	if testing.Short() {
		t.Skip("starts whole labs")
	}
	e := open(t)
	const id = "killpart"
	lossyLab(t, e, id)
	if l := loss(t, e, id); l < 5 {
		t.Fatalf("%.0f %% lost before; want the fault to be there", l)
	}
	kill := func(role string) {
		c, err := e.Inspect(t.Context(), control.Name(id, role))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(c.Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}

	kill(control.RoleControl)
	time.Sleep(5 * time.Second) // the promise under test
	if l := loss(t, e, id); l > 0 {
		t.Errorf("5 s after control was killed %.0f %% are lost; want 0", l)
	}
	l, err := labs.Find(t.Context(), e, id)
	if err != nil {
		t.Fatalf("the lab does not go on: %v", err)
	}
	if !l.Resumed {
		t.Error("control was not started again")
	}
	back := false
	for range 50 {
		if back = loss(t, e, id) > 2; back {
			break
		}
	}
	if !back {
		t.Error("the fault was not laid again after control came back")
	}

	kill(control.RoleAgent)
	time.Sleep(5 * time.Second)
	if lost := loss(t, e, id); lost > 0 {
		t.Errorf("5 s after the agent was killed %.0f %% are lost; want 0", lost)
	}
	g, err := l.Grade(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Checks {
		if c.ID == "injector" && c.Verdict != "unknown" {
			t.Errorf("injector is %s (%s) after the agent was killed; want unknown", c.Verdict, c.Measured)
		}
	}
	if g.Fix.Verdict == "pass" {
		t.Error("a lab whose fault is gone by accident was graded as fixed")
	}
	if err := labs.Remove(t.Context(), e, id, nil); err != nil {
		t.Error(err)
	}
	nothingLeft(t, e, id, time.Second)
}
