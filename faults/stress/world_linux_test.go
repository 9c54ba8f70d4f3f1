package stress

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/faults/engine/enginetest"
)

// world is a scene of containers.
type world struct {
	scene
	*engine.Engine
	id            string // marks what belongs to this test
	image, target string
}

const (
	labelAgent  = "faultlab.stress.agent"
	labelTarget = "faultlab.stress.target"
)

func imageOf(id string) string { return "faultlab-stress:" + id }

func newWorld(t *testing.T) *world {
	t.Helper()
	needRoot(t)
	id := make([]byte, 4)
	rand.Read(id)
	w := &world{Engine: enginetest.Open(t), id: hex.EncodeToString(id)}
	w.scene = scene{t: t, pid: w.targetPID, disk: true, memory: w.targetMemory, died: w.exitCode, alone: endRows,
		rows: slices.Concat(packetRows, lookupRows, callRows, diskRows), rare: slices.Concat(processRows, limitRows)}
	w.image = imageOf(w.id)
	report.mu.Lock()
	report.worlds = append(report.worlds, w.id)
	report.mu.Unlock()
	enginetest.ImportSelf(t, w.Engine, w.image, "ENV "+markEnv+"="+w.id)
	w.resolver, _ = w.address(w.run("resolver", "resolver", engine.Spec{}))
	w.target = w.run("target", "server", engine.Spec{DNS: []string{w.resolver}, Tmpfs: map[string]string{dataDir: fmt.Sprint("size=", dataSize)}})
	var peer, bystander int
	w.peer, peer = w.address(w.run("peer", "server", engine.Spec{}))
	w.bystander, bystander = w.address(w.run("bystander", "server", engine.Spec{}))
	w.callers = map[string]int{w.peer: peer, w.bystander: bystander}
	w.reachable()
	w.within(10*time.Second, "names, requests and files are as they must be", func() bool {
		return errors.Join(w.feelLookups(w.pid(), nil), w.feelCalls(w.pid(), nil, false), w.feelDisk(w.pid(), nil)) == nil
	})
	return w
}

// memoryMiB is what each container may use.
const memoryMiB = 96

func (w *world) run(name, role string, s engine.Spec) string {
	w.t.Helper()
	s.Name, s.Image, s.Env = "stress-"+name+"-"+w.id, w.image, map[string]string{roleEnv: role}
	s.Labels, s.MemoryBytes = map[string]string{labelTarget: w.id}, memoryMiB<<20
	return enginetest.Run(w.t, w.Engine, s)
}

// address is that of a container, with its first process.
func (w *world) address(id string) (string, int) {
	w.t.Helper()
	c, err := w.Inspect(w.t.Context(), id)
	must(w.t, err)
	for _, ip := range c.Networks {
		return ip, c.Pid
	}
	w.t.Fatalf("container %s has no address", id)
	return "", 0
}

// exitCode is what the engine says that the target has ended with.
func (w *world) exitCode() (int, error) {
	c, err := w.Inspect(context.WithoutCancel(w.t.Context()), w.target)
	return c.ExitCode, err
}

// targetMemory is what the engine says that the target uses.
func (w *world) targetMemory() (int64, error) {
	u, err := w.Usage(context.WithoutCancel(w.t.Context()), w.target)
	return u.MemoryBytes, err
}

func (w *world) targetPID() int {
	w.t.Helper()
	c, err := w.Inspect(context.WithoutCancel(w.t.Context()), w.target)
	must(w.t, err)
	return c.Pid
}

// agent starts an agent that puts the scene's faults in place and is closed when the
// test ends.
func (w *world) agent() {
	w.t.Helper()
	a, err := agent.Start(w.t.Context(), w.options())
	must(w.t, err)
	w.inject = func(ctx context.Context, f faults.Fault, o agent.InjectOptions) (injection, error) {
		return a.Inject(ctx, w.target, f, o)
	}
	w.close = func() error { return a.Close(w.t.Context()) }
	w.t.Cleanup(func() {
		if err := w.close(); err != nil {
			report.violation(w.t, "close: %v", err)
		}
	})
}

func (w *world) options() agent.Options {
	return agent.Options{Engine: w.Engine, Image: w.image, TargetLabel: labelTarget + "=" + w.id, Labels: map[string]string{labelAgent: w.id}}
}

// remains are the agents' containers and processes that are there, and the target's rules.
func (w *world) remains(clean string) []string {
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
