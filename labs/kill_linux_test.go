package labs_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
)

// nothingLeft fails unless every object of a lab is gone within a time.
func nothingLeft(t *testing.T, e *engine.Engine, id string, within time.Duration) bool {
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
			return true
		}
	}
	t.Errorf("left after %v:%s", within, left)
	var said strings.Builder
	err := e.Logs(t.Context(), control.Name(id, control.RoleControl), &said, time.Time{}, false, true)
	t.Logf("control said (%v):\n%s", err, said.String())
	return false
}

// killLab gives an engine and an id for a lab that is gone at the test's end.
func killLab(t *testing.T) (*engine.Engine, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts whole labs")
	}
	e, id := enginetest.Open(t), fmt.Sprintf("kill%d", os.Getpid()%100000)
	t.Cleanup(func() { labs.Remove(context.Background(), e, id, nil) })
	return e, id
}

// TestKillTheCommandWhileItStarts kills the command at three moments of a start.
// The lab removes itself, and the same id can be started again.
func TestKillTheCommandWhileItStarts(t *testing.T) {
	e, id := killLab(t)
	bin := filepath.Join(t.TempDir(), "faultlab")
	if out, err := exec.Command("go", "build", "-o", bin, "faultlab/cmd/faultlab").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
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
		for s := bufio.NewScanner(stderr); !seen && s.Scan(); {
			seen = strings.HasPrefix(s.Text(), moment)
		}
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		if !seen {
			t.Fatalf("the start never said %q", moment)
		}
		began := time.Now()
		if !nothingLeft(t, e, id, 40*time.Second) {
			continue
		}
		t.Logf("killed at %q: everything gone after %.1f s", moment, time.Since(began).Seconds())
	}
}

// lossyLab starts a lab with packet loss on zone us-b. at is called once, at the
// first line of progress whose phase and text begin so.
func lossyLab(t *testing.T, e *engine.Engine, id, moment string, at func()) error {
	t.Helper()
	var once sync.Once
	_, err := labs.Start(t.Context(), e, labs.StartOptions{Name: "2b/us-b", ID: id, Pace: "fast", Seed: 1}, func(p control.Progress) {
		if at != nil && strings.HasPrefix(p.Phase+": "+p.Text, moment) {
			once.Do(at)
		}
	})
	return err
}

// loss pings web-us-b from the bastion and gives the share of lost packets, in
// percent; at 6 % each way a hundred pings come through once in 200,000 times.
func loss(t *testing.T, e *engine.Engine, id string) float64 {
	t.Helper()
	r, err := e.Exec(t.Context(), control.Name(id, control.RoleBastion), engine.Command{Args: []string{"ping", "-q", "-c", "100", "-i", "0.01", "-W", "1", "web-us-b"}})
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

// kill ends the process of one of a lab's parts with SIGKILL.
func kill(t *testing.T, e *engine.Engine, id, role string) {
	t.Helper()
	c, err := e.Inspect(t.Context(), control.Name(id, role))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(c.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// killAndLook kills the part that carries the fault, or who holds it, and looks
// whether the effect is gone when it must be. Control is killed by the engine, which
// then does not start it again.
func killAndLook(t *testing.T, e *engine.Engine, id, role string) {
	t.Helper()
	if loss(t, e, id) == 0 {
		t.Fatal("nothing is lost before; want the fault to be there")
	}
	if role != control.RoleControl {
		kill(t, e, id, role)
	} else if err := e.Kill(t.Context(), control.Name(id, role), "KILL"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second) // the promise under test
	if l := loss(t, e, id); l > 0 {
		t.Errorf("5 s after %s was killed %.0f %% are lost; want 0", role, l)
	}
}

// resumed takes the lab up again and waits until its fault is back.
func resumed(t *testing.T, e *engine.Engine, id string) *labs.Lab {
	t.Helper()
	l, err := labs.Find(t.Context(), e, id)
	if err != nil {
		t.Fatalf("the lab does not go on: %v", err)
	}
	if !l.Resumed {
		t.Error("control was not started again")
	}
	for range 50 {
		if loss(t, e, id) > 0 {
			return l
		}
	}
	t.Fatal("the fault was not laid again after control came back")
	return nil
}

// graded grades a lab. midway, if any, is called while the grader watches the users.
func graded(t *testing.T, l *labs.Lab, midway func()) (*grade.Grade, error) {
	t.Helper()
	called := false
	g, err := l.Grade(t.Context(), func(p control.Progress) {
		if midway != nil && !called && strings.HasPrefix(p.Text, "V1") {
			called = true
			midway()
		}
	})
	if midway != nil && !called {
		t.Error("the grade never looked at the users")
	}
	return g, err
}

// removed stops a lab; nothing of it may be left.
func removed(t *testing.T, e *engine.Engine, id string) {
	t.Helper()
	if err := labs.Remove(t.Context(), e, id, nil); err != nil {
		t.Error(err)
	}
	nothingLeft(t, e, id, time.Second)
}

// TestKillAgent kills the agent before the system is broken, while the incident
// is on and during a grade: the effect is gone, and a system that is well only
// because of that is not graded as fixed.
func TestKillAgent(t *testing.T) {
	e, id := killLab(t)
	if err := lossyLab(t, e, id, "baseline: ", func() { kill(t, e, id, control.RoleAgent) }); err != nil {
		t.Fatalf("the lab did not get its agent back before breaking: %v", err)
	}
	killAndLook(t, e, id, control.RoleAgent)
	notFixed(t, e, id, nil)
	removed(t, e, id)

	if err := lossyLab(t, e, id, "", nil); err != nil {
		t.Fatalf("the same id cannot be started again: %v", err)
	}
	notFixed(t, e, id, func() { killAndLook(t, e, id, control.RoleAgent) })
	removed(t, e, id)
}

// notFixed grades a lab whose agent is killed, before or midway: nobody knows
// whether it would be well under the fault.
func notFixed(t *testing.T, e *engine.Engine, id string, midway func()) {
	t.Helper()
	l, err := labs.Find(t.Context(), e, id)
	if err != nil {
		t.Fatal(err)
	}
	g, err := graded(t, l, midway)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range g.Checks {
		t.Logf("%s %s: %s", c.Proof, c.ID, c.Verdict)
		if c.ID == "injector" && c.Verdict != grade.Unknown {
			t.Errorf("injector is %s (%s) after the agent was killed; want unknown", c.Verdict, c.Measured)
		}
	}
	if g.Fix.Verdict == grade.Pass {
		t.Error("a lab whose fault is gone by accident was graded as fixed")
	}
}
