package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
)

// target runs a container that does nothing.
func target(t *testing.T, e *engine.Engine) string {
	t.Helper()
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("inject-target-%d", os.Getpid())
	enginetest.Run(t, e, engine.Spec{Name: name, Image: image, Cmd: []string{"agent"}, StdinOnce: true})
	return name
}

// without fails unless the target answers at once and no injection's container is left.
func without(t *testing.T, e *engine.Engine, name string, within time.Duration) {
	t.Helper()
	var took time.Duration
	var on []agent.Held
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		var err error
		if on, err = agent.ListHeld(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		on = meant(on, name)
		if took = enginetest.Refusal(t, e, name); took < 100*time.Millisecond && len(on) == 0 {
			return
		}
	}
	t.Errorf("after %v the target answers in %v; still on: %+v", within, took, on)
}

func TestInjectAndRevert(t *testing.T) {
	e := enginetest.Open(t)
	name := target(t, e)
	latency := []string{"inject", name, "latency", "--param", "delay=200ms"}

	out, code := command(t, append(latency, "--for", "2s", "--json")...)
	dec := json.NewDecoder(strings.NewReader(out))
	var first, last agent.Entry
	if err := errors.Join(dec.Decode(&first), dec.Decode(&last)); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, out)
	}
	if first.State != agent.Active || first.Measured == nil || first.Measured.AddedMS < 195 || last.State != agent.Expired || last.Gone == nil || last.Gone.AddedMS > 20 {
		t.Errorf("first %+v, last %+v", first, last)
	}
	without(t, e, name, time.Second)

	if out, code := command(t, append(latency, "--detach")...); code != 0 || !strings.Contains(out, "latency is active on "+name) {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	if took := enginetest.Refusal(t, e, name); took < 190*time.Millisecond {
		t.Errorf("the target answers in %v; want 200 ms", took)
	}
	if out, code := command(t, "revert", "--list"); code != 0 || !strings.Contains(out, name) || !strings.Contains(out, "delay 200ms") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out, code = command(t, "revert", "--list", "--json")
	var on []agent.Held
	if err := json.Unmarshal([]byte(out), &on); err != nil || code != 0 {
		t.Errorf("exit code %d, %v:\n%s", code, err, out)
	}
	for _, h := range meant(on, name) {
		if h.Measured == nil || h.Measured.AddedMS < 195 || time.Until(h.EndsAt) < time.Minute {
			t.Errorf("on record is %+v", h)
		}
	}
	if out, code := command(t, append(latency, "--for", "1s")...); code != 2 || !twoLines.MatchString(out) || !strings.Contains(out, "another agent holds") || !strings.Contains(out, "revert "+name+" takes away what is on: ") || !strings.Contains(out, "(latency on "+name+")") {
		t.Errorf("a second one: exit code %d:\n%s", code, out)
	}
	if out, code := command(t, "revert", name); code != 0 || !strings.Contains(out, "latency on "+name+" is reverted") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	without(t, e, name, time.Second)
	if out, code := command(t, "revert", name); code != 0 || !strings.Contains(out, "There is no fault") {
		t.Errorf("a second revert: exit code %d:\n%s", code, out)
	}
	if out, code := command(t, "revert", name, "--json"); code != 0 || strings.TrimSpace(out) != "[]" {
		t.Errorf("a third revert, as JSON: exit code %d:\n%s", code, out)
	}
}

// A helper whose maker was killed before starting it can be reverted like any other.
func TestRevertHelperThatNeverRan(t *testing.T) {
	e := enginetest.Open(t)
	image, err := agent.BuildImage(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("unborn%d", os.Getpid())
	c, err := e.Create(t.Context(), engine.Spec{Image: image, Cmd: []string{"inject"}, AutoRemove: true,
		Labels: map[string]string{agent.LabelInjection: id, agent.LabelKind: "loss", agent.LabelTarget: "nobody", "faultlab.part": "helper"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Remove(context.WithoutCancel(t.Context()), c) })
	if out, code := command(t, "revert", id); code != 0 {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if _, err := e.Inspect(t.Context(), c); !engine.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
}

// Whoever holds a fault is killed: the command in the foreground, then a helper.
func TestKilledInjectLeavesNothing(t *testing.T) {
	e := enginetest.Open(t)
	name := target(t, e)
	cmd := exec.Command("faultlab", "inject", name, "latency", "--param", "delay=200ms")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.Contains(line, "is active") {
		t.Fatalf("%q, %v", line, err)
	}
	if took := enginetest.Refusal(t, e, name); took < 190*time.Millisecond {
		t.Errorf("the target answers in %v; want 200 ms", took)
	}
	cmd.Process.Kill()
	cmd.Wait()
	without(t, e, name, 5*time.Second)

	if out, code := command(t, "inject", name, "latency", "--param", "delay=200ms", "--detach", "--id", fmt.Sprintf("kill%d", os.Getpid())); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	if err := e.Kill(t.Context(), fmt.Sprintf("faultlab-hold-kill%d", os.Getpid()), "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	without(t, e, name, 5*time.Second)
}

// Ctrl-C and docker stop's signal take the fault away, and that is no error.
func TestSignalledInjectReverts(t *testing.T) {
	e := enginetest.Open(t)
	name := target(t, e)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd := exec.Command("faultlab", "inject", name, "latency", "--param", "delay=200ms")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Process.Kill()
			lines := bufio.NewReader(out)
			if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, "is active") {
				t.Fatalf("%q, %v", line, err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			rest, err := io.ReadAll(lines)
			if err != nil || !strings.Contains(string(rest), "latency on "+name+" is reverted: packets hit ") {
				t.Errorf("it said %q, %v", rest, err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended with %v", err)
			}
			without(t, e, name, time.Second)
		})
	}
}
