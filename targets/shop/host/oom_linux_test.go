package host

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/procfs"
)

// newGroup makes a control group that bounds memory, in the root of the tree, and
// skips the test where that is not allowed, unless FAULTLAB_REQUIRE=1.
func newGroup(t *testing.T, mib int64) *group {
	t.Helper()
	root, v2, err := rootGroup()
	var g *group
	if err == nil {
		g, err = (&group{dir: root, v2: v2}).newBelow(strings.ReplaceAll(t.Name(), "/", "-")+"-"+strconv.Itoa(os.Getpid()), mib<<20)
	}
	if err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal(err)
		}
		t.Skipf("no control group can be made: %v", err)
	}
	t.Cleanup(func() {
		// What was killed leaves it when the kernel is done with it.
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			err := os.Remove(g.dir)
			if err == nil || errors.Is(err, os.ErrNotExist) {
				return
			}
			if time.Since(began) > 5*time.Second {
				t.Errorf("the control group stays: %v", err)
				return
			}
			// The host itself may have been killed, and what it ran goes on.
			text, _ := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
			for _, pid := range strings.Fields(string(text)) {
				if n, err := strconv.Atoi(pid); err == nil && n > 0 {
					_ = syscall.Kill(n, syscall.SIGKILL)
				}
			}
		}
	})
	return g
}

func rootGroup() (dir string, v2 bool, err error) {
	self, err := procfs.Self()
	if err != nil {
		return "", false, err
	}
	in, err := self.Cgroups()
	if err != nil {
		return "", false, err
	}
	for i := range in {
		in[i].Path = "/"
	}
	mounts, err := self.MountInfo()
	if err != nil {
		return "", false, err
	}
	return groupDir(in, mounts)
}

// The host's log has what dmesg has: who was killed, and how large it was.
func TestAKillForWantOfMemoryIsTold(t *testing.T) {
	g := newGroup(t, 128)
	m := run(t, place{group: g.dir}, "", entry("innocent", "serve", ", backoff: {first: 10ms}"), entry("hungry", "eat", ", backoff: {first: 1m, max: 1m}", "1000"))
	hungry := m.pid(t, "hungry", 0)
	// Where it was slow to end, the kernel may have taken the other one as well.
	kill := m.line(t, "Killed process", `"program":"hungry"`)
	fields := regexp.MustCompile(`^Memory cgroup out of memory: Killed process (\d+) \((.+)\) total-vm:(\d+)kB, anon-rss:(\d+)kB, file-rss:\d+kB, shmem-rss:\d+kB, UID:\d+ pgtables:\d+kB oom_score_adj:-?\d+$`).FindStringSubmatch(kill["msg"].(string))
	if fields == nil {
		t.Fatalf("not the kernel's line: %v", kill)
	}
	self, _ := os.Executable()
	if name := filepath.Base(self); fields[1] != strconv.Itoa(hungry) || fields[2] != name[:min(len(name), 15)] {
		t.Errorf("%v; want process %d (%s)", fields, hungry, name)
	}
	total, _ := strconv.Atoi(fields[3])
	if anon, _ := strconv.Atoi(fields[4]); anon < 16<<10 || anon > 128<<10 || total < anon {
		t.Errorf("anon-rss is %d kB, total-vm %d kB", anon, total)
	}
	if kill["seen_ms_before"].(float64) > 5000 {
		t.Errorf("%v", kill)
	}
	if end := m.line(t, `"msg":"program ended"`, `"program":"hungry"`); end["signal"] != "SIGKILL" || end["out_of_memory"] != true {
		t.Errorf("%v", end)
	}
	if got := m.metric(t, "program_oom_kills_total", "hungry"); got != 1 {
		t.Errorf("%v kills; want 1", got)
	}
	if used, limit := m.metric(t, "host_memory_used_bytes", ""), m.metric(t, "host_memory_limit_bytes", ""); limit != 128<<20 || used <= 0 || used > limit {
		t.Errorf("%v of %v used", used, limit)
	}
	// The next one who is killed is killed by somebody.
	for m.metric(t, "program_up", "innocent") == 0 {
		time.Sleep(20 * time.Millisecond)
	}
	taken := len(m.all(`"msg":"program ended"`, `"program":"innocent"`))
	if err := syscall.Kill(m.pid(t, "innocent", taken), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if end := m.lineAfter(t, taken, `"msg":"program ended"`, `"program":"innocent"`); end["signal"] != "SIGKILL" || end["out_of_memory"] != false {
		t.Errorf("%v", end)
	}
	if n := len(m.all("Killed process")); n != 1+taken {
		t.Errorf("%d kills are told of; want %d", n, 1+taken)
	}
}

// Whoever it was is not known, so nobody is named.
func TestAKillOfSomebodyElsesChildIsTold(t *testing.T) {
	g := newGroup(t, 128)
	m := run(t, place{group: g.dir}, "", entry("nurse", "nurse", "", "eat", "1000"))
	m.line(t, "nurse | child: signal: killed")
	told := m.line(t, "no children of the host")
	if told["kills"] != 1.0 {
		t.Errorf("%v", told)
	}
	if n := len(m.all("Killed process")); n != 0 {
		t.Errorf("%d kills are told of; want none", n)
	}
}

// A program's own limit is kept by what the log says.
func TestOwnLimit(t *testing.T) {
	t.Run("by address space", func(t *testing.T) {
		m := run(t, place{}, "", entry("a", "limits", ", memory: {limit_mib: 4096, by: address-space}"), entry("b", "limits", ""))
		m.line(t, "a | address space "+strconv.Itoa(4096<<20)+",")
		m.line(t, "b | address space unlimited,")
		if start := m.line(t, `"msg":"program started"`, `"program":"a"`); start["limit_by"] != "address space (RLIMIT_AS)" || start["limit_bytes"] != float64(4096<<20) {
			t.Errorf("%v", start)
		}
	})
	t.Run("by a control group", func(t *testing.T) {
		g := newGroup(t, 256)
		if g.v2 {
			t.Skip("version 2 lets no group that has processes divide its memory")
		}
		m := run(t, place{group: g.dir}, "", entry("small", "limits", ", memory: {limit_mib: 64}"),
			entry("hungry", "eat", ", memory: {limit_mib: 48, by: cgroup}, backoff: {first: 1m, max: 1m}", "1000"))
		m.line(t, "small | address space unlimited, control group program-small of "+strconv.Itoa(64<<20))
		if start := m.line(t, `"msg":"program started"`, `"program":"small"`); start["limit_by"] != "control group "+g.dir+"/program-small" {
			t.Errorf("%v", start)
		}
		kill := m.line(t, "Memory cgroup out of memory: Killed process "+strconv.Itoa(m.pid(t, "hungry", 0)))
		if kill["program"] != "hungry" {
			t.Errorf("%v", kill)
		}
		m.stop(t)
		if _, err := os.Stat(g.dir + "/program-hungry"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the group stays: %v", err)
		}
	})
}
