package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/cgroup"
	"faultlab/faults/engine"
)

// copies runs dd in a control group and gives how long it takes.
func copies(t *testing.T, g cgroup.Group, args ...string) time.Duration {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `read go; exec dd status=none bs=64k count=16 conv="$1" "$2" "$3" "$4"`, "sh"}, args...)...)
	in, err := cmd.StdinPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	must(t, g.Add(cmd.Process.Pid))
	began := time.Now()
	_, err = in.Write([]byte("\n"))
	must(t, err)
	must(t, cmd.Wait())
	return time.Since(began)
}

// A mebibyte at one per second: what the processes of the container make the disk do
// takes a second, and nothing else does.
func TestDiskSlow(t *testing.T) {
	b := newBench(t)
	id := b.run("slow-"+b.label[len(b.label)-8:], func(s *engine.Spec) {
		s.AnonVolumes = []string{"/vol"}
		s.Tmpfs = map[string]string{"/mem": "size=16m"}
	})
	c, err := b.Inspect(t.Context(), id)
	must(t, err)
	group, err := cgroup.Of(c.Pid, "blkio")
	must(t, err)
	if group.V2 {
		skip(t, "this test is for control groups of version 1")
	}
	mine, err := cgroup.Of(os.Getpid(), "blkio")
	if err != nil {
		mine = cgroup.Group{Mount: "blkio", Path: "/"}
	}
	files := func() (out string) {
		for _, name := range []string{"read_bps", "write_bps", "read_iops", "write_iops"} {
			text, err := group.Read("blkio.throttle." + name + "_device")
			must(t, err)
			out += text + "\n"
		}
		return out
	}
	before := files()
	file := fmt.Sprintf("/proc/%d/root/vol/x", c.Pid)
	must(t, os.WriteFile(file, make([]byte, 1<<20), 0o644))
	flush := func() { // what a direct access would wait for
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		must(t, err)
		must(t, f.Sync())
		must(t, f.Close())
	}
	flush()
	write := func(g cgroup.Group, conv, flag string) time.Duration {
		return copies(t, g, "notrunc"+conv, "if=/dev/zero", "of="+file, flag)
	}
	read := func() time.Duration { return copies(t, group, "notrunc", "if="+file, "of=/dev/null", "iflag=direct") }
	direct := func(g cgroup.Group) time.Duration { return write(g, "", "oflag=direct") }
	a := b.start()
	inject := func(f faults.DiskSlow) (*Injection, error) { return a.Inject(t.Context(), id, f, InjectOptions{}) }
	for path, code := range map[string]Code{"/nowhere": BadRequest, "/mem": NotSupported} {
		if _, err := inject(faults.DiskSlow{Path: path, WritesPerSecond: 10}); !errors.Is(err, &Error{Code: code}) {
			t.Errorf("%s: %v, want %s", path, err, code)
		} else {
			t.Log(err)
		}
	}
	in, err := inject(faults.DiskSlow{Path: "/vol", WriteBytesPerSecond: 1 << 20})
	must(t, err)
	e := in.Status()
	t.Logf("in %v: %s", e.ActiveAt.Sub(e.RequestedAt).Round(time.Millisecond), e.Measured.Saw)
	for _, tt := range []struct {
		what string
		do   func() time.Duration
		slow bool
	}{
		{"a direct write", func() time.Duration { return direct(group) }, true},
		{"a direct read", read, false},
		{"a write with fsync", func() time.Duration { return write(group, ",fsync", "oflag=nonblock") }, true},
		// The kernel writes it back later, by itself.
		{"a buffered write", func() time.Duration { return write(group, "", "oflag=nonblock") }, false},
		{"a direct write from outside", func() time.Duration { return direct(mine) }, false},
	} {
		took := tt.do()
		t.Logf("%s: %v", tt.what, took.Round(time.Millisecond))
		if slow := took > 800*time.Millisecond; slow != tt.slow || took > 1500*time.Millisecond {
			t.Errorf("%s took %v", tt.what, took)
		}
		flush()
	}
	ops, err := inject(faults.DiskSlow{Path: "/vol", ReadsPerSecond: 20, ReadBytesPerSecond: 64 << 20})
	must(t, err)
	t.Log(ops.Status().Measured.Saw)
	if took := read(); took < 500*time.Millisecond {
		t.Errorf("16 reads at 20 per second took %v", took)
	}
	if _, err := inject(faults.DiskSlow{Path: "/vol", WriteBytesPerSecond: 128 << 10}); err != nil {
		t.Errorf("a stricter one on top: %v", err)
	}
	for range 2 {
		must(t, in.Revert(t.Context()))
	}
	if took := direct(group); took < 4*time.Second {
		t.Errorf("with the stricter one left it took %v", took)
	}
	must(t, b.Kill(t.Context(), a.ContainerID(), "SIGKILL"))
	took := b.eventually("as before", 2*time.Second, func() bool { return files() == before })
	t.Logf("as before %v after SIGKILL; then a direct write takes %v", took, direct(group))
	if took := direct(group); took > 500*time.Millisecond {
		t.Errorf("after SIGKILL a direct write took %v", took)
	}
	b.eventually("no container is left", 10*time.Second, func() bool {
		left, err := b.List(t.Context(), "faultlab.test.agent="+b.label)
		return err == nil && len(left) == 0
	})
}
