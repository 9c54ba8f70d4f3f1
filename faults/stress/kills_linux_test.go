package stress

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

const sectionKills = "Kills"

// untouched tells whether a user of the target feels nothing, in a moment.
func (w *world) untouched(pid int) bool {
	got, err := echo(pid, w.peer, 5, 60*time.Millisecond, false)
	if err != nil || len(got.rtts) < 5 || got.least() > 50*time.Millisecond {
		return false
	}
	how, _, took, _ := ask(pid, w.peer, "hello", 300*time.Millisecond)
	return how == answered && took < 50*time.Millisecond
}

// afterKill measures how long the effect stays, and that nothing else does.
func (w *world) afterKill(pid int, whom, clean, before string, limit time.Duration) {
	w.t.Helper()
	began := time.Now()
	report.time("effect gone after a kill of the "+whom, w.within(limit, "no effect after a kill of the "+whom, func() bool { return w.untouched(pid) }))
	var left []string
	for {
		if left = w.remains(clean); len(left) == 0 {
			break
		}
		if time.Since(began) > 10*time.Second {
			report.violation(w.t, "10 s after a kill of the %s: %v", whom, left)
			list, _ := w.List(w.t.Context(), labelAgent+"="+w.id)
			for _, c := range list {
				must(w.t, w.Remove(w.t.Context(), c.ID))
			}
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	report.time("nothing left after a kill of the "+whom, time.Since(began))
	if after := snapshot(pid); after != before {
		report.violation(w.t, "after a kill of the %s the target is not as before:\n%s", whom, unlike(before, after))
	}
	report.count(sectionKills, "of the "+whom, 1)
}

// The agent's process is killed at any instant: while it starts to inject, while faults
// are active, while they are taken away.
func TestAgentKilled(t *testing.T) {
	if *kills == 0 {
		t.Skip("none asked for")
	}
	w := newWorld(t)
	w.load()
	r := rand.New(rand.NewPCG(*seed, 2))
	pid := w.pid()
	clean, before := rulesOf(pid), snapshot(pid)
	for range (*kills + 1) / 2 {
		a, err := agent.Start(t.Context(), w.options())
		must(t, err)
		c, err := w.Inspect(t.Context(), a.ContainerID())
		must(t, err)
		done := make(chan struct{})
		draws := rand.New(rand.NewPCG(r.Uint64(), 0))
		go func() { defer close(done); w.keepInjecting(t.Context(), a, draws) }()
		time.Sleep(time.Duration(r.Int64N(int64(2 * time.Second))))
		if !w.untouched(pid) {
			report.count(sectionKills, "of the agent, while a user felt a fault", 1)
		}
		must(t, syscall.Kill(c.Pid, syscall.SIGKILL))
		w.afterKill(pid, "agent", clean, before, 2*time.Second)
		<-done
		w.within(2*time.Second, "nothing is active in the journal of a dead agent", func() bool {
			for _, e := range a.Journal() {
				if e.State == agent.Active {
					return false
				}
			}
			return true
		})
		must(t, a.Close(t.Context()))
	}
}

// keepInjecting puts faults in place and takes them away until the agent is dead.
func (w *world) keepInjecting(ctx context.Context, a *agent.Agent, r *rand.Rand) {
	for a.Ping(ctx) == nil {
		var in []*agent.Injection
		for range 1 + r.IntN(3) {
			c := pick(r, append(packetRows, processRows...)).draw(r, &w.scene)
			if x, err := a.Inject(ctx, w.target, c.fault, agent.InjectOptions{Seed: r.Uint64(), TTL: time.Minute}); err == nil {
				in = append(in, x)
			}
		}
		select {
		case <-a.Done():
		case <-time.After(time.Duration(r.Int64N(int64(time.Second)))):
		}
		for _, x := range in {
			x.Revert(ctx)
		}
	}
}

// The client is killed at any instant, from before it has an agent on.
func TestClientKilled(t *testing.T) {
	if *kills < 2 {
		t.Skip("none asked for")
	}
	w := newWorld(t)
	w.load()
	r := rand.New(rand.NewPCG(*seed, 3))
	pid := w.pid()
	clean, before := rulesOf(pid), snapshot(pid)
	for range *kills / 2 {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), roleEnv+"=client", markEnv+"="+w.id, "STRESS_IMAGE="+w.image, "STRESS_TARGET="+w.target,
			"STRESS_PEER="+w.peer, "STRESS_SEED="+strconv.FormatUint(r.Uint64(), 10))
		cmd.Stderr = os.Stderr
		must(t, cmd.Start())
		time.Sleep(time.Duration(r.Int64N(int64(4 * time.Second))))
		if !w.untouched(pid) {
			report.count(sectionKills, "of the client, while a user felt a fault", 1)
		}
		must(t, cmd.Process.Kill())
		var end *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &end) || end.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			report.violation(t, "the client ended before it was killed: %v", err)
		}
		w.afterKill(pid, "client", clean, before, 5*time.Second)
	}
}

// injectForever is the client that is killed.
func injectForever(ctx context.Context) error {
	e, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	w := &world{Engine: e, scene: scene{peer: os.Getenv("STRESS_PEER")}, id: os.Getenv(markEnv), image: os.Getenv("STRESS_IMAGE"), target: os.Getenv("STRESS_TARGET")}
	seed, err := strconv.ParseUint(os.Getenv("STRESS_SEED"), 10, 64)
	if err != nil {
		return err
	}
	a, err := agent.Start(ctx, w.options())
	if err != nil {
		return err
	}
	w.keepInjecting(ctx, a, rand.New(rand.NewPCG(seed, 0)))
	return a.Close(ctx)
}
