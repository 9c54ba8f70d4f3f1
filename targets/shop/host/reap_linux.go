package host

import (
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lastWords is how long the end of a program waits for what it wrote. Children that it
// leaves behind can hold its output open for as long as they like.
const lastWords = 200 * time.Millisecond

// death is the end of a process.
type death struct {
	pid    int
	at     time.Time
	status unix.WaitStatus
	peak   int64 // resident memory at its highest in bytes, as the kernel counted
	last   look  // without a pid: it was never seen
	oom    bool
}

// code is the exit code as a shell gives it: 128 and the signal for one.
func (d death) code() int {
	if d.status.Signaled() {
		return 128 + int(d.status.Signal())
	}
	return d.status.ExitStatus()
}

// reap takes every process that has ended, and says whether there are others.
func (h *host) reap() (others bool) {
	for {
		d, proc, err := h.reapOne()
		if err != nil {
			return !errors.Is(err, syscall.ECHILD)
		}
		in := h.memory
		if proc != nil && proc.program.group != nil {
			in = proc.program.group
		}
		d.oom = d.status.Signaled() && d.status.Signal() == unix.SIGKILL && in != nil && in.takeKill()
		if d.oom {
			h.tellOfKill(d, proc, in)
		}
		if proc == nil {
			h.orphans.Inc()
			attrs := []any{"pid", d.pid, "exit_code", d.code()}
			if d.last.name != "" {
				attrs = append(attrs, "name", d.last.name)
			}
			h.Log.Info("orphan reaped", attrs...)
			continue
		}
		h.mu.Lock()
		p := proc.program
		p.lastExit = d.code()
		p.pid = 0
		if d.oom {
			p.oomKills++
		}
		h.mu.Unlock()
		go func() {
			select {
			case <-proc.spoken:
			case <-time.After(lastWords):
			}
			proc.died <- d
		}()
	}
}

// errRunning says that no child has ended.
var errRunning = errors.New("no child has ended")

func (h *host) reapOne() (d death, proc *process, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var used unix.Rusage
	pid, err := unix.Wait4(-1, &d.status, unix.WNOHANG, &used)
	for errors.Is(err, syscall.EINTR) {
		pid, err = unix.Wait4(-1, &d.status, unix.WNOHANG, &used)
	}
	if err == nil && pid == 0 {
		err = errRunning
	}
	if err != nil {
		return d, nil, err
	}
	d.pid, d.at, d.peak, d.last = pid, time.Now(), used.Maxrss<<10, h.seen[pid]
	proc = h.running[pid]
	delete(h.running, pid)
	delete(h.seen, pid)
	return d, proc, nil
}

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
		g.hits = [2]uint64{g.hits[1], g.hit()}
		n, err := g.kills()
		if err != nil || n <= g.told {
			g.waiting = false
			continue
		}
		if !g.waiting { // the process may not have ended yet
			g.waiting = true
			continue
		}
		h.Log.Error("the kernel has killed processes for want of memory that are no children of the host; which is not known",
			"kills", n-g.told, "source", "oom_kill of "+g.dir)
		g.told, g.waiting = n, false
	}
}
