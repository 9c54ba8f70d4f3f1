package host

import (
	"os"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// tellOfKill writes what the kernel's log would have.
func (h *host) tellOfKill(d death, proc *process, in *group) {
	reason := ""
	if in.reached() || h.memory.reached() {
		reason = "Memory cgroup out of memory"
	}
	if d.last.pid == 0 {
		d.last.pid = d.pid
	}
	line := d.last.killed(reason)
	attrs := []any{"source", "the host's last look at the process, and oom_kill of " + in.dir, "peak_rss_bytes", d.peak}
	if proc != nil {
		attrs = append(attrs, "program", proc.program.Name)
	}
	if !d.last.at.IsZero() {
		attrs = append(attrs, "seen_ms_before", d.at.Sub(d.last.at).Milliseconds())
	}
	h.Log.Error(line, attrs...)
}

// tellOfOthers tells of kills that were none of a child's: their parent is a program,
// which has to reap them itself.
func (h *host) tellOfOthers() {
	groups := []*group{h.memory}
	for _, p := range h.programs {
		groups = append(groups, p.group)
	}
	for _, g := range groups {
		if g == nil {
			continue
		}
		n, err := g.kills()
		if err != nil || n <= g.told {
			g.waiting, g.hits = false, [2]uint64{g.hits[1], g.hit()}
			continue
		}
		if !g.waiting || h.someoneDies() { // it may be that one, who is not reaped yet
			g.waiting = true
			continue
		}
		h.Log.Error("the kernel has killed processes for want of memory that are no children of the host; which is not known",
			"kills", n-g.told, "source", "oom_kill of "+g.dir)
		g.told, g.waiting = n, false
	}
}

// someoneDies says whether a child has been killed and has not ended yet, which can take
// a while where there is no memory and little time.
func (h *host) someoneDies() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for pid, l := range h.seen {
		if l.parent == os.Getpid() && dies(pid) {
			return true
		}
	}
	return false
}

// exiting is PF_EXITING of the kernel's include/linux/sched.h.
const exiting = 0x4

// dies says that a process is on its way out: SIGKILL waits for it, or it has none of
// its memory any more, or the kernel has begun to end it.
func dies(pid int) bool {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return false
	}
	stat, err := p.Stat()
	if err != nil {
		return false
	}
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	return stat.VSize == 0 || stat.Flags&exiting != 0 || killPending(string(text))
}

// killPending says whether SIGKILL waits for a process, by its status in /proc.
func killPending(status string) bool {
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		set, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err == nil && set&(1<<(unix.SIGKILL-1)) != 0 {
			return true
		}
	}
	return false
}
