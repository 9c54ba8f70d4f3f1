package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/cgroup"
)

// limits is what a target may use, as the kernel shows it.
func (b *bench) limits() string {
	b.t.Helper()
	c, err := b.Inspect(b.t.Context(), b.target)
	must(b.t, err)
	var out strings.Builder
	for _, f := range []struct{ controller, files string }{
		{"cpu", "cpu.cfs_quota_us cpu.cfs_period_us cpu.max cgroup.procs"}, {"pids", "pids.max cgroup.procs"},
		{"memory", "memory.limit_in_bytes memory.memsw.limit_in_bytes memory.max memory.swap.max cgroup.procs"},
		{"freezer", "freezer.state cgroup.freeze cgroup.procs"},
		{"blkio", "blkio.throttle.read_bps_device blkio.throttle.write_bps_device io.max"},
	} {
		g, err := cgroup.Of(c.Pid, f.controller)
		must(b.t, err)
		for file := range strings.FieldsSeq(f.files) {
			if text, err := g.Read(file); err == nil {
				fmt.Fprintf(&out, "%s: %q\n", file, text)
			}
		}
	}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/limits", c.Pid))
	mounts, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", c.Pid))
	return out.String() + string(text) + string(mounts)
}

// unlike are the lines of one text that the other has not.
func unlike(a, b string) string {
	var out strings.Builder
	for l := range strings.Lines(a) {
		if !strings.Contains(b, l) {
			out.WriteString(l)
		}
	}
	return out.String()
}

// children are the processes that agents of this image left or have.
func (b *bench) children() (out []string) {
	list, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range list {
		text, _ := os.ReadFile(f)
		if strings.Contains(string(text), roleVariable+"=") && strings.Contains(string(text), roleEnv+"=agent") {
			out = append(out, f)
		}
	}
	return out
}

// processFaults are one of each kind that stays until it is reverted.
var processFaults = []faults.Fault{
	faults.CPUThrottle{Percent: 20}, faults.PidLimit{Limit: 40}, faults.FDLimit{Limit: 64},
	faults.MemoryLimit{MiB: 48}, faults.MemoryPressure{MiBPerSecond: 64, MaxMiB: 24}, faults.Pause{},
}

func TestProcessFaults(t *testing.T) {
	b := newBench(t)
	before := b.limits()
	for _, f := range processFaults {
		t.Run(f.Kind(), func(t *testing.T) {
			a := b.start()
			in, err := a.Inject(t.Context(), b.target, f, InjectOptions{})
			must(t, err)
			e := in.Status()
			t.Logf("in %v: %s", e.ActiveAt.Sub(e.RequestedAt).Round(time.Millisecond), e.Measured.Saw)
			if f.Kind() != "memory-pressure" && b.limits() == before {
				t.Error("nothing is set")
			}
			for range 2 {
				must(t, in.Revert(t.Context()))
			}
			if after := b.limits(); after != before {
				t.Errorf("left\n%sbefore\n%s", unlike(after, before), unlike(before, after))
			}
			_, err = a.Inject(t.Context(), b.target, f, InjectOptions{})
			must(t, err)
			c, err := b.Inspect(t.Context(), a.ContainerID())
			must(t, err)
			began := time.Now()
			if f.Kind() == "pid-limit" || f.Kind() == "pause" {
				must(t, b.Kill(t.Context(), a.ContainerID(), "SIGKILL"))
			} else {
				must(t, syscall.Kill(c.Pid, syscall.SIGKILL))
			}
			after := ""
			defer func() {
				if t.Failed() {
					t.Log(unlike(after, before))
				}
			}()
			b.eventually("as before", 2*time.Second, func() bool { after = b.limits(); return after == before })
			took := time.Since(began)
			b.eventually("no process is left", 2*time.Second, func() bool { return len(b.children()) == 0 })
			t.Logf("as before %v after SIGKILL, no process %v", took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
			b.eventually("no container is left", 10*time.Second, func() bool {
				left, err := b.List(t.Context(), "faultlab.test.agent="+b.label)
				return err == nil && len(left) == 0
			})
			t.Logf("no container %v", time.Since(began).Round(time.Millisecond))
		})
	}
	a := b.start()
	t.Run("stack", func(t *testing.T) {
		quota := func() string {
			c, err := b.Inspect(t.Context(), b.target)
			must(t, err)
			g, err := cgroup.Of(c.Pid, "cpu")
			must(t, err)
			file := "cpu.cfs_quota_us"
			if g.V2 {
				file = "cpu.max"
			}
			text, err := g.Read(file)
			must(t, err)
			return strings.Fields(text)[0]
		}
		for _, first := range []int{0, 1} {
			var in [2]*Injection
			for i, p := range []float64{60, 30} {
				var err error
				in[i], err = a.Inject(t.Context(), b.target, faults.CPUThrottle{Percent: p}, InjectOptions{})
				must(t, err)
			}
			if got := quota(); got != "30000" {
				t.Errorf("the quota of both is %s", got)
			}
			must(t, in[first].Revert(t.Context()))
			if got, want := quota(), []string{"30000", "60000"}[first]; got != want {
				t.Errorf("without %d the quota is %s, want %s", first, got, want)
			}
			must(t, in[1-first].Revert(t.Context()))
			if after := b.limits(); after != before {
				t.Errorf("left\n%s", unlike(after, before))
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		for _, tt := range []struct {
			f    faults.Fault
			code Code
		}{
			{faults.MemoryLimit{MiB: 4}, Refused}, {faults.PidLimit{Limit: 1 << 22}, BadRequest},
			{faults.CPUThrottle{Percent: 12800}, BadRequest}, {faults.Kill{Process: "no-such"}, BadRequest},
			{faults.MemoryPressure{MiBPerSecond: 1, MaxMiB: 1 << 20}, Refused},
		} {
			if _, err := a.Inject(t.Context(), b.target, tt.f, InjectOptions{}); !errors.Is(err, &Error{Code: tt.code}) {
				t.Errorf("%+v: %v, want %s", tt.f, err, tt.code)
			}
		}
		if after := b.limits(); after != before {
			t.Errorf("left\n%s", unlike(after, before))
		}
	})
	t.Run("kill", func(t *testing.T) {
		in, err := a.Inject(t.Context(), b.target, faults.Kill{Signal: "TERM"}, InjectOptions{})
		must(t, err)
		e := in.Status()
		t.Logf("%s, %s: %s", e.State, e.Reason, e.Measured.Saw)
		if e.State != Expired {
			t.Errorf("status %+v", e)
		}
		b.eventually("the container has ended", 3*time.Second, func() bool {
			c, err := b.Inspect(t.Context(), b.target)
			return err == nil && !c.Running()
		})
	})
}
