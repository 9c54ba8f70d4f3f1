package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// program is one program of a host. What changes is guarded by the host's mu.
type program struct {
	Program
	stopBy  syscall.Signal
	argv    []string
	limitBy string // what keeps its own limit; empty: it has none
	group   *group // its own; nil: the host's

	pid      int // 0: it is down
	finished bool
	restarts int
	lastExit int // -1: it has not ended yet
	oomKills int
}

// Both leave the program in the place of the shell.
const (
	inGroup        = `echo $$ > "$1/cgroup.procs" && shift && exec "$@"`
	inAddressSpace = `ulimit -v "$1" && shift && exec "$@"`
)

// prepare settles how a program is started, and what keeps its limit.
func (h *host) prepare(c Program) (*program, error) {
	path, err := exec.LookPath(c.Command[0])
	if err != nil {
		return nil, fmt.Errorf("program %s: %w", c.Name, err)
	}
	p := &program{Program: c, stopBy: unix.SignalNum("SIG" + c.StopSignal), lastExit: -1}
	p.argv = append([]string{path}, c.Command[1:]...)
	limit := int64(c.Memory.LimitMiB) << 20
	if limit == 0 {
		return p, nil
	}
	if c.Memory.By != ByAddressSpace {
		err = errors.New("the host's control group was not found")
		if h.memory != nil {
			p.group, err = h.memory.newBelow(c.Name, limit)
		}
		if err == nil {
			p.limitBy = "control group " + p.group.dir
			p.argv = append([]string{"/bin/sh", "-c", inGroup, "sh", p.group.dir}, p.argv...)
			return p, nil
		}
		if c.Memory.By == ByGroup {
			return nil, fmt.Errorf("program %s: memory.by is cgroup, and that cannot be had here (want address-space or auto): %w", c.Name, err)
		}
		h.Log.Info("no control group for a program; its limit is one of address space", "program", c.Name, "err", err.Error())
	}
	p.limitBy = "address space (RLIMIT_AS)"
	p.argv = append([]string{"/bin/sh", "-c", inAddressSpace, "sh", strconv.FormatInt(limit>>10, 10)}, p.argv...)
	return p, nil
}

// start starts a program once.
func (h *host) start(p *program) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Directory, write, write
	cmd.Env = os.Environ()
	for _, name := range slices.Sorted(maps.Keys(p.Environment)) {
		cmd.Env = append(cmd.Env, name+"="+p.Environment[name])
	}
	// A group of its own: what a terminal sends comes to the host, which passes it on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}

	proc := &process{program: p, spoken: make(chan struct{}), died: make(chan death, 1)}
	if err := h.launch(cmd, proc); err != nil {
		return nil, errors.Join(err, read.Close())
	}
	attrs := []any{"program", p.Name, "pid", proc.pid, "command", p.Command, "restarts", p.restarts}
	if p.limitBy != "" {
		attrs = append(attrs, "limit_bytes", int64(p.Memory.LimitMiB)<<20, "limit_by", p.limitBy)
	}
	h.Log.Info("program started", attrs...)
	go func() {
		defer close(proc.spoken)
		defer read.Close()
		h.out.copyLines(p.Name, read)
	}()
	return proc, nil
}

func (h *host) launch(cmd *exec.Cmd, proc *process) error {
	h.mu.Lock() // so that nobody reaps it before it is known
	defer h.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	proc.pid = cmd.Process.Pid
	_ = cmd.Process.Release()                         // it is reaped with all others
	_ = setOOMScoreAdj(strconv.Itoa(proc.pid), h.adj) // or it has ended
	h.running[proc.pid], proc.program.pid = proc, proc.pid
	if l, ok := lookAt(proc.pid); ok {
		h.seen[proc.pid] = l
	}
	return nil
}

// keep has a program run until ctx ends, or until its policy lets it rest.
func (h *host) keep(ctx context.Context, p *program) {
	var pause time.Duration
	for {
		began := time.Now()
		proc, err := h.start(p)
		var d death
		if err == nil {
			d = h.wait(ctx, proc)
		}
		ran := time.Since(began)
		again := ctx.Err() == nil && (p.Restart == Always || p.Restart == OnFailure && (err != nil || d.code() != 0))
		pause = p.Backoff.next(pause, ran)
		if err != nil {
			h.Log.Error("program could not be started", "program", p.Name, "err", err.Error(), "again_in", shown(again, pause))
		} else {
			h.logEnd(ctx, p, d, ran, shown(again, pause))
		}
		h.mu.Lock()
		p.pid, p.finished = 0, !again
		h.mu.Unlock()
		if !again {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		h.mu.Lock()
		p.restarts++
		h.mu.Unlock()
	}
}

func shown(again bool, pause time.Duration) string {
	if !again {
		return "never"
	}
	return pause.String()
}

// wait gives a program's end, which it brings about when ctx ends.
func (h *host) wait(ctx context.Context, proc *process) death {
	select {
	case d := <-proc.died:
		return d
	case <-ctx.Done():
	}
	h.signalTo(proc, proc.program.stopBy)
	deadline := time.NewTimer(h.config.StopTimeout)
	defer deadline.Stop()
	select {
	case d := <-proc.died:
		return d
	case <-deadline.C:
	}
	h.Log.Warn("program did not stop in time, and is killed", "program", proc.program.Name, "pid", proc.pid)
	h.signalTo(proc, syscall.SIGKILL)
	return <-proc.died
}

func (h *host) logEnd(ctx context.Context, p *program, d death, ran time.Duration, again string) {
	level := slog.LevelInfo
	if d.code() != 0 && ctx.Err() == nil {
		level = slog.LevelWarn
	}
	attrs := []any{"program", p.Name, "pid", d.pid}
	if d.status.Signaled() {
		attrs = append(attrs, "signal", unix.SignalName(d.status.Signal()), "out_of_memory", d.oom)
	} else {
		attrs = append(attrs, "exit_code", d.status.ExitStatus())
	}
	if d.last.pid != 0 {
		attrs = append(attrs, "rss_bytes", d.last.resident, "seen_ms_before", d.at.Sub(d.last.at).Milliseconds())
	}
	h.Log.Log(ctx, level, "program ended", append(attrs, "peak_rss_bytes", d.peak, "ran_ms", ran.Milliseconds(), "again_in", again)...)
}
