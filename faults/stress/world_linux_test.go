package stress

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
)

// world is an engine with a target, a peer of it and a bystander.
type world struct {
	*engine.Engine
	t               *testing.T
	id              string // marks what belongs to this test
	image, target   string
	peer, bystander string // addresses
}

const (
	labelAgent  = "faultlab.stress.agent"
	labelTarget = "faultlab.stress.target"
)

func imageOf(id string) string { return "faultlab-stress:" + id }

func newWorld(t *testing.T) *world {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal("required here: root")
		}
		t.Skip("not root")
	}
	id := make([]byte, 4)
	rand.Read(id)
	w := &world{t: t, Engine: enginetest.Open(t), id: hex.EncodeToString(id)}
	w.image = imageOf(w.id)
	report.mu.Lock()
	report.worlds = append(report.worlds, w.id)
	report.mu.Unlock()
	enginetest.ImportSelf(t, w.Engine, w.image, "ENV "+markEnv+"="+w.id)
	w.target = w.run("target")
	w.peer, w.bystander = w.address(w.run("peer")), w.address(w.run("bystander"))
	for _, to := range []string{w.peer, w.bystander} {
		w.within(10*time.Second, "the server at "+to+" answers", func() bool {
			how, _, _, _ := ask(w.pid(), to, "hello", time.Second)
			return how == answered
		})
	}
	return w
}

func (w *world) run(name string) string {
	w.t.Helper()
	return enginetest.Run(w.t, w.Engine, engine.Spec{
		Name: "stress-" + name + "-" + w.id, Image: w.image, Env: map[string]string{roleEnv: "server"},
		Labels: map[string]string{labelTarget: w.id}, MemoryBytes: 96 << 20,
	})
}

func (w *world) address(id string) string {
	w.t.Helper()
	c, err := w.Inspect(w.t.Context(), id)
	must(w.t, err)
	for _, ip := range c.Networks {
		return ip
	}
	w.t.Fatalf("container %s has no address", id)
	return ""
}

// pid is that of the target's first process now.
func (w *world) pid() int {
	w.t.Helper()
	c, err := w.Inspect(context.WithoutCancel(w.t.Context()), w.target)
	must(w.t, err)
	return c.Pid
}

// agent starts an agent that is closed when the test ends.
func (w *world) agent() *agent.Agent {
	w.t.Helper()
	a, err := agent.Start(w.t.Context(), w.options())
	must(w.t, err)
	w.t.Cleanup(func() {
		if err := a.Close(w.t.Context()); err != nil {
			report.violation(w.t, "close: %v", err)
		}
	})
	return a
}

func (w *world) options() agent.Options {
	return agent.Options{Engine: w.Engine, Image: w.image, TargetLabel: labelTarget + "=" + w.id, Labels: map[string]string{labelAgent: w.id}}
}

// left are the agents' containers and processes that are there, and the target's rules.
func (w *world) left(clean string) []string {
	ctx := context.WithoutCancel(w.t.Context())
	var out []string
	list, err := w.List(ctx, labelAgent+"="+w.id)
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range list {
		out = append(out, "container "+c.Name+", "+c.State)
	}
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		text, _ := os.ReadFile(f)
		if strings.Contains(string(text), markEnv+"="+w.id) && !strings.Contains(string(text), roleEnv+"=") {
			out = append(out, "process "+strings.Split(f, "/")[2])
		}
	}
	if rules := rulesOf(w.pid()); rules != clean {
		out = append(out, "in the target: "+unlike(clean, rules))
	}
	return out
}

// within waits for something and says how long it took; too long is a violation.
func (w *world) within(limit time.Duration, what string, ok func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			report.violation(w.t, "not within %v: %s", limit, what)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// load sends datagrams to and fro between the target and its peer until the test ends.
func (w *world) load() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			c, err := w.Inspect(ctx, w.target)
			if err != nil || c.Pid == 0 {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			echo(c.Pid, w.peer, 500, 10*time.Millisecond, false)
		}
	}()
	w.t.Cleanup(func() { cancel(); <-done })
}

func short(err error) string { return fmt.Sprintf("%.160s", err.Error()) }
