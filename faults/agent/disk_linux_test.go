package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"

	"golang.org/x/sys/unix"
)

func TestDiskFill(t *testing.T) {
	b := newBench(t)
	id := b.run("full-"+b.label[len(b.label)-8:], func(s *engine.Spec) { s.Tmpfs = map[string]string{"/data": "size=16m"} })
	c, err := b.Inspect(t.Context(), id)
	must(t, err)
	dir := fmt.Sprintf("/proc/%d/root/data", c.Pid)
	used := func() uint64 {
		var fs unix.Statfs_t
		must(t, unix.Statfs(dir, &fs))
		return 100 * (fs.Blocks - fs.Bfree) / fs.Blocks
	}
	free := func() uint64 {
		var fs unix.Statfs_t
		must(t, unix.Statfs(dir, &fs))
		return fs.Bavail * uint64(fs.Bsize)
	}
	write := func() error {
		defer os.Remove(filepath.Join(dir, "x"))
		return os.WriteFile(filepath.Join(dir, "x"), make([]byte, 1<<20), 0o644)
	}
	a := b.start()
	if _, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/", Percent: 99}, InjectOptions{}); !errors.Is(err, &Error{Code: Refused}) {
		t.Errorf("the machine's file system: %v", err)
	}
	if _, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/nowhere", Percent: 99}, InjectOptions{}); !errors.Is(err, &Error{Code: BadRequest}) {
		t.Errorf("no such path: %v", err)
	}
	full, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/data", Percent: 100}, InjectOptions{})
	must(t, err)
	t.Log(full.Status().Measured.Saw)
	if err := write(); !errors.Is(err, syscall.ENOSPC) || used() != 100 {
		t.Errorf("%d %% used; a write gave %v", used(), err)
	}
	// It would be active with 16 MiB left when the first goes.
	if _, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/data", LeaveBytes: 1 << 20}, InjectOptions{}); !errors.Is(err, &Error{Code: Refused}) {
		t.Errorf("a second on the same file system: %v", err)
	}
	for range 2 {
		must(t, full.Revert(t.Context()))
	}
	if err := write(); err != nil || used() != 0 {
		t.Errorf("%d %% used after revert; a write gave %v", used(), err)
	}
	if _, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/data", LeaveBytes: 16 << 20}, InjectOptions{}); !errors.Is(err, &Error{Code: BadRequest}) {
		t.Errorf("no more than that is free: %v", err)
	}
	rest, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/data", LeaveBytes: 2<<20 + 1}, InjectOptions{})
	must(t, err)
	t.Log(rest.Status().Measured.Saw)
	if free := free(); free != 2<<20 {
		t.Errorf("%d bytes are free, want %d", free, 2<<20)
	}
	if err := write(); err != nil {
		t.Errorf("a write within what is left gave %v", err)
	}
	must(t, rest.Revert(t.Context()))
	if used() != 0 {
		t.Errorf("%d %% used after revert", used())
	}
	_, err = a.Inject(t.Context(), id, faults.DiskFill{Path: "/data", Percent: 50}, InjectOptions{})
	must(t, err)
	if used() != 50 {
		t.Errorf("%d %% used, want 50", used())
	}
	must(t, b.Kill(t.Context(), a.ContainerID(), "SIGKILL"))
	took := b.eventually("empty", 2*time.Second, func() bool { return used() == 0 })
	t.Logf("empty %v after SIGKILL", took)
	b.eventually("no container is left", 10*time.Second, func() bool {
		left, err := b.List(t.Context(), "faultlab.test.agent="+b.label)
		return err == nil && len(left) == 0
	})
}

func TestDiskReadonly(t *testing.T) {
	b := newBench(t)
	id := b.run("ro-"+b.label[len(b.label)-8:], func(s *engine.Spec) { s.Tmpfs = map[string]string{"/data": "size=16m", "/more": "size=1m,ro"} })
	c, err := b.Inspect(t.Context(), id)
	must(t, err)
	mounts := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", c.Pid))
		must(t, err)
		return string(text)
	}
	write := func(dir string) error {
		name := fmt.Sprintf("/proc/%d/root%s/x", c.Pid, dir)
		defer os.Remove(name)
		return os.WriteFile(name, []byte("x"), 0o644)
	}
	before := mounts()
	a := b.start()
	inject := func(path string) (*Injection, error) {
		return a.Inject(t.Context(), id, faults.DiskReadonly{Path: path}, InjectOptions{})
	}
	open, err := os.Create(fmt.Sprintf("/proc/%d/root/data/open", c.Pid))
	must(t, err)
	for path, code := range map[string]Code{"/nowhere": BadRequest, "/more": Refused, "/data": Refused} {
		_, err := inject(path)
		t.Log(err)
		if !errors.Is(err, &Error{Code: code}) {
			t.Errorf("%s: %v, want %s", path, err, code)
		}
	}
	must(t, open.Close())
	if mounts() != before {
		t.Errorf("after refusals\n%s", unlike(mounts(), before))
	}
	full, err := a.Inject(t.Context(), id, faults.DiskFill{Path: "/data", Percent: 50}, InjectOptions{})
	must(t, err)
	for _, path := range []string{"/data", "/"} {
		in, err := inject(path)
		must(t, err)
		t.Log(in.Status().Measured.Saw)
		if err := write(path); !errors.Is(err, syscall.EROFS) {
			t.Errorf("a write in %s gave %v", path, err)
		}
		if path == "/" {
			must(t, write("/data")) // a mount of its own
		}
		if _, err := inject(path); !errors.Is(err, &Error{Code: Refused}) {
			t.Errorf("read-only already: %v", err)
		}
		for range 2 {
			must(t, in.Revert(t.Context()))
		}
		must(t, write(path))
		if mounts() != before {
			t.Errorf("after revert\n%s", unlike(mounts(), before))
		}
	}
	must(t, full.Revert(t.Context()))
	for _, path := range []string{"/data", "/"} {
		_, err = inject(path)
		must(t, err)
	}
	if mounts() == before {
		t.Error("nothing is set")
	}
	must(t, b.Kill(t.Context(), a.ContainerID(), "SIGKILL"))
	took := b.eventually("writable", 2*time.Second, func() bool { return mounts() == before })
	must(t, write("/data"))
	must(t, write("/"))
	t.Logf("writable %v after SIGKILL", took)
	b.eventually("no container is left", 10*time.Second, func() bool {
		left, err := b.List(t.Context(), "faultlab.test.agent="+b.label)
		return err == nil && len(left) == 0
	})
}
