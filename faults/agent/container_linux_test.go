package agent

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"
)

// bench is an engine with an image of this test binary and a network of two containers.
type bench struct {
	*engine.Engine
	t      *testing.T
	image  string
	label  string
	target string
	probes []string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if guest() {
		t.Skip("there is no engine in the guest")
	}
	needRoot(t)
	e, err := engine.Open(t.Context())
	if err != nil {
		skip(t, "no engine: "+err.Error())
	}
	clean := context.WithoutCancel(t.Context())
	id := make([]byte, 4)
	rand.Read(id)
	b := &bench{Engine: e, t: t, label: "faultlab.test=" + hex.EncodeToString(id)}
	t.Cleanup(func() { e.Close() })
	bin := filepath.Join(t.TempDir(), "agent.test")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	// The role is chosen by the entry point's environment: agents get "agent".
	b.image, err = packImage(clean, e, bin, []string{"ENV " + roleEnv + "=agent", "LABEL " + strings.Replace(b.label, "=", ".image=", 1)})
	must(t, err)
	t.Cleanup(func() { must(t, e.RemoveImage(clean, b.image)) })
	b.target = b.run("target-" + hex.EncodeToString(id))
	peer := b.run("peer-" + hex.EncodeToString(id))
	c, err := e.Inspect(clean, peer)
	must(t, err)
	for _, ip := range c.Networks {
		b.probes = append(b.probes, ip)
	}
	return b
}

func (b *bench) run(name string, more ...func(*engine.Spec)) string {
	b.t.Helper()
	key, value, _ := strings.Cut(b.label, "=")
	s := engine.Spec{Name: name, Image: b.image, Env: map[string]string{roleEnv: "target"}, Labels: map[string]string{key: value}}
	for _, f := range more {
		f(&s)
	}
	id, err := b.Run(b.t.Context(), s)
	must(b.t, err)
	b.t.Cleanup(func() { must(b.t, b.Remove(context.WithoutCancel(b.t.Context()), id)) })
	return id
}

func (b *bench) start() *Agent {
	b.t.Helper()
	a, err := Start(b.t.Context(), Options{Engine: b.Engine, Image: b.image, TargetLabel: b.label, Labels: map[string]string{"faultlab.test.agent": b.label}})
	must(b.t, err)
	b.t.Cleanup(func() {
		if err := a.Close(b.t.Context()); err != nil {
			b.t.Errorf("close: %v", err)
		}
		left, err := b.List(context.WithoutCancel(b.t.Context()), "faultlab.test.agent="+b.label)
		if err != nil || len(left) != 0 {
			b.t.Errorf("agents left: %v, %v", left, err)
		}
	})
	return a
}

// rules is what nft shows in the target's network namespace.
func (b *bench) rules() string {
	b.t.Helper()
	c, err := b.Inspect(context.WithoutCancel(b.t.Context()), b.target)
	must(b.t, err)
	out, err := exec.Command("nsenter", "-n", "-t", strconv.Itoa(c.Pid), "nft", "list", "tables").CombinedOutput()
	if err != nil {
		b.t.Logf("nft: %v", err)
	}
	return string(out)
}

// roundTrip measures from inside the target, without the agent.
func (b *bench) roundTrip() time.Duration {
	b.t.Helper()
	c, err := b.Inspect(context.WithoutCancel(b.t.Context()), b.target)
	must(b.t, err)
	ns, err := openNamespace(c.Pid)
	must(b.t, err)
	defer ns.close()
	to, err := parseProbe(b.probes[0])
	must(b.t, err)
	res, err := ns.probe(context.WithoutCancel(b.t.Context()), probeRun{method: methodSYN, to: endpoint{addr: to.addr, port: 9}, count: 9, interval: 5 * time.Millisecond, wait: time.Second})
	must(b.t, err)
	if len(res.rtts) == 0 {
		return time.Hour
	}
	return median(res.rtts)
}

func (b *bench) eventually(what string, within time.Duration, ok func() bool) time.Duration {
	b.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > within {
			b.t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(start)
}

func TestContainer(t *testing.T) {
	b := newBench(t)
	a := b.start()
	bare := b.roundTrip()
	in, err := a.Inject(t.Context(), b.target, faults.Latency{Delay: 40 * time.Millisecond}, InjectOptions{Probes: b.probes, TTL: time.Minute})
	must(t, err)
	e := in.Status()
	t.Logf("added %.2f ms, by %s in %v", e.Measured.AddedMS, e.Backend, e.ActiveAt.Sub(e.RequestedAt))
	if e.State != Active || e.Target == "" || len(e.Target) < 64 {
		t.Errorf("status %+v", e)
	}
	if got := b.roundTrip() - bare; got < 39*time.Millisecond || got > 45*time.Millisecond {
		t.Errorf("added %v", got)
	}

	t.Run("restart", func(t *testing.T) {
		must(t, b.Restart(t.Context(), b.target, 0))
		took := b.eventually("active again after a restart", 3*time.Second, func() bool {
			s := in.Status()
			return s.State == Active && s.PID != e.PID && s.Measured != nil
		})
		if got := b.roundTrip(); got < 39*time.Millisecond {
			t.Errorf("after a restart the round trip is %v", got)
		}
		j := a.Journal()
		t.Logf("active %v after docker restart answered; journal %d", took, len(j))
		if len(j) != 2 || j[0].State != Lost || j[1].State != Active || j[1].Measured == nil {
			t.Errorf("journal %+v", j)
		}
		if took > time.Second {
			t.Errorf("active again after %v, want 1 s", took)
		}
	})
	t.Run("kill and start", func(t *testing.T) {
		must(t, b.Kill(t.Context(), b.target, "SIGKILL"))
		b.eventually("on record that it waits", 3*time.Second, func() bool { return in.Status().Reason != "" })
		must(t, b.Start(t.Context(), b.target))
		b.eventually("active again", 3*time.Second, func() bool { s := in.Status(); return s.Measured != nil && s.State == Active })
		if got := b.roundTrip(); got < 39*time.Millisecond {
			t.Errorf("the round trip is %v", got)
		}
	})
	t.Run("revert", func(t *testing.T) {
		for range 2 {
			must(t, in.Revert(t.Context()))
			if s := in.Status(); s.State != Reverted || s.RevertedAt.IsZero() {
				t.Errorf("status %+v", s)
			}
		}
		if got := b.roundTrip(); got > 20*time.Millisecond {
			t.Errorf("after revert the round trip is %v", got)
		}
		if r := b.rules(); strings.Contains(r, tableName) {
			t.Errorf("left: %s", r)
		}
	})
	t.Run("expires", func(t *testing.T) {
		_, err := a.Inject(t.Context(), b.target, faults.PacketLoss{Percent: 50}, InjectOptions{Probes: b.probes, TTL: 500 * time.Millisecond})
		must(t, err)
		select {
		case e := <-a.Ended():
			if e.State != Expired {
				t.Errorf("ended as %+v", e)
			}
		case <-time.After(10 * time.Second):
			t.Error("it does not end")
		}
	})
	t.Run("refused", func(t *testing.T) {
		f := faults.Latency{Delay: time.Millisecond}
		stranger := b.run("stranger-"+b.label[len(b.label)-8:], func(s *engine.Spec) { s.Labels = nil })
		if _, err := a.Inject(t.Context(), stranger, f, InjectOptions{Probes: b.probes}); !errors.Is(err, &Error{Code: Refused}) {
			t.Errorf("without the label: %v", err)
		}
		in, err := a.Inject(t.Context(), stranger, f, InjectOptions{Probes: b.probes, AnyTarget: true})
		must(t, err)
		must(t, b.Remove(t.Context(), stranger))
		b.eventually("on record that it was removed", 5*time.Second, func() bool {
			s := in.Status()
			return s.State == Lost && strings.Contains(s.Reason, "removed")
		})
		must(t, b.Stop(t.Context(), b.target, 0))
		if _, err := a.Inject(t.Context(), b.target, f, InjectOptions{}); !errors.Is(err, &Error{Code: TargetGone}) {
			t.Errorf("not running: %v", err)
		}
		must(t, b.Start(t.Context(), b.target))
		if _, err := a.Inject(t.Context(), "no-such", f, InjectOptions{}); !engine.IsNotFound(err) {
			t.Errorf("no such container: %v", err)
		}
	})
}

func TestContainerKilled(t *testing.T) {
	b := newBench(t)
	f := faults.Latency{Delay: 100 * time.Millisecond}
	t.Run("the agent's process", func(t *testing.T) {
		a := b.start()
		in, err := a.Inject(t.Context(), b.target, f, InjectOptions{Probes: b.probes})
		must(t, err)
		c, err := b.Inspect(t.Context(), a.ContainerID())
		must(t, err)
		must(t, syscall.Kill(c.Pid, syscall.SIGKILL))
		took := b.eventually("the effect is gone", 5*time.Second, func() bool { return b.roundTrip() < 50*time.Millisecond })
		t.Logf("effect gone %v after SIGKILL", took)
		b.eventually("on record", 2*time.Second, func() bool { return in.Status().State == Lost })
		select {
		case e := <-a.Ended():
			if e.State != Lost || !strings.Contains(e.Reason, "agent") {
				t.Errorf("ended as %+v", e)
			}
		case <-time.After(time.Second):
			t.Error("not told")
		}
		if r := b.rules(); strings.Contains(r, tableName) {
			t.Errorf("left: %s", r)
		}
		must(t, in.Revert(t.Context()))
	})
	t.Run("the process that started it", func(t *testing.T) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleEnv+"=user", "FAULTLAB_TEST_IMAGE="+b.image, "FAULTLAB_TEST_LABEL="+b.label,
			"FAULTLAB_TEST_TARGET="+b.target, "FAULTLAB_TEST_PROBE="+b.probes[0])
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		if n, _ := out.Read(make([]byte, 16)); n == 0 {
			t.Fatal("it did not inject")
		}
		if b.roundTrip() < 100*time.Millisecond {
			t.Error("no effect")
		}
		must(t, cmd.Process.Kill())
		cmd.Wait()
		took := b.eventually("the effect is gone", 5*time.Second, func() bool { return b.roundTrip() < 50*time.Millisecond })
		t.Logf("effect gone %v after SIGKILL of the client", took)
		b.eventually("no agent is left", 10*time.Second, func() bool {
			left, err := b.List(t.Context(), "faultlab.test.agent="+b.label)
			return err == nil && len(left) == 0
		})
		if r := b.rules(); strings.Contains(r, tableName) {
			t.Errorf("left: %s", r)
		}
	})
}

// userRole is what the process does that is killed in TestContainerKilled.
func userRole(ctx context.Context) error {
	e, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	a, err := Start(ctx, Options{Engine: e, Image: os.Getenv("FAULTLAB_TEST_IMAGE"), Labels: map[string]string{"faultlab.test.agent": os.Getenv("FAULTLAB_TEST_LABEL")}})
	if err != nil {
		return err
	}
	_, err = a.Inject(ctx, os.Getenv("FAULTLAB_TEST_TARGET"), faults.Latency{Delay: 100 * time.Millisecond}, InjectOptions{Probes: []string{os.Getenv("FAULTLAB_TEST_PROBE")}})
	if err != nil {
		return err
	}
	_, err = fmt.Println("active")
	return err
}
