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
