package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"faultlab/targets/shop/service"
)

// host runs programs.
type host struct {
	*service.Service
	config   Config
	out      *Output
	memory   *group // nil: it was not found
	programs []*program
	orphans  prometheus.Counter
	adj      int // oom_score_adj of programs

	mu      sync.Mutex
	running map[int]*process // by process id
	seen    map[int]look     // the last of every process below this one
}

// process is one run of a program.
type process struct {
	pid     int
	program *program
	spoken  chan struct{} // closed when nobody can write to its output any more
	died    chan death    // gets one
}

// Build starts the programs of a host, which writes to out. They are stopped when ctx
// ends or closing is called, which waits for it.
func Build(ctx context.Context, on *service.Service, c *Config, out *Output) (closing func(), err error) {
	// Orphans come to process 1. A host that is not asks for them.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the parent of orphans: %w", err)
	}
	h := &host{Service: on, config: *c, out: out, running: map[int]*process{}, seen: map[int]look{},
		orphans: prometheus.NewCounter(prometheus.CounterOpts{Name: "orphans_reaped_total", Help: "Processes that had lost their parent and ended."}),
	}
	if h.memory, err = ownGroup(); err != nil {
		on.Log.Warn("kills for want of memory will not be seen", "err", err.Error())
	}
	if h.adj, err = standBack(); err != nil {
		on.Log.Warn("the host may be killed for want of memory before its programs", "err", err.Error())
	}
	for _, pc := range c.Programs {
		p, err := h.prepare(pc)
		if err != nil {
			return nil, errors.Join(err, h.removeGroups())
		}
		h.programs = append(h.programs, p)
	}
	h.register()
	on.ReadyWhen(h.ready)

	ctx, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	var programs sync.WaitGroup
	for _, p := range h.programs {
		programs.Go(func() { h.keep(ctx, p) })
	}
	go func() {
		<-ctx.Done() // a host whose programs all rest goes on
		programs.Wait()
		close(stopped)
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.watch(stopped)
	}()
	return func() {
		stop()
		<-ended
	}, nil
}

// watch reaps, looks and passes signals on until all programs have stopped. Only it
// reaps, and only it asks the kernel's counts, so that no kill is told of twice.
func (h *host) watch(stopped <-chan struct{}) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	passed := make(chan os.Signal, 8)
	signal.Notify(passed, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(passed)
	tick := time.NewTicker(h.config.LookEvery)
	defer tick.Stop()
	h.reap() // what ended before we listened
	for {
		select {
		case <-ended:
			h.reap()
		case <-tick.C:
			h.lookAround()
			h.reap()
			h.tellOfOthers()
		case s := <-passed:
			h.pass(s.(syscall.Signal))
		case <-stopped:
			h.killRest()
			if err := h.removeGroups(); err != nil {
				h.Log.Warn("a control group stays", "err", err.Error())
			}
			return
		}
	}
}

func (h *host) lookAround() {
	all, err := lookAtAll()
	if err != nil {
		h.Log.Warn("the memory of processes cannot be read", "err", err.Error())
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	// A child that has ended and is not reaped yet cannot be seen; what was seen of it stays.
	for pid, l := range h.seen {
		if all[pid].pid == 0 && l.parent == os.Getpid() && syscall.Kill(pid, 0) == nil {
			all[pid] = l
		}
	}
	h.seen = all
}

func (h *host) pass(s syscall.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for pid := range h.running {
		_ = syscall.Kill(pid, s) // one that has just ended is reaped next
	}
	h.Log.Info("signal passed on", "signal", unix.SignalName(s), "programs", len(h.running))
}

// signalTo sends a signal to a process unless it has been reaped, when its id may be
// somebody else's.
func (h *host) signalTo(p *process, s syscall.Signal) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running[p.pid] == p {
		_ = syscall.Kill(p.pid, s)
	}
}

// killRest ends what the programs have left behind. When a parent dies its children
// become the host's own, so that nothing is left when the host has no child.
func (h *host) killRest() {
	told := map[int]bool{}
	for began := time.Now(); time.Since(began) < h.config.StopTimeout; time.Sleep(5 * time.Millisecond) {
		if !h.reap() {
			return
		}
		all, err := lookAtAll()
		if err != nil {
			h.Log.Warn("what the programs have left behind cannot be seen", "err", err.Error())
			return
		}
		for pid, l := range all {
			if !told[pid] {
				h.Log.Info("left behind by a program, and killed", "pid", pid, "name", l.name)
			}
			told[pid] = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (h *host) removeGroups() error {
	var errs []error
	for _, p := range h.programs {
		if p.group != nil {
			errs = append(errs, os.Remove(p.group.dir))
		}
	}
	return errors.Join(errs...)
}

// ready says no while a program that is to run does not.
func (h *host) ready(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.programs {
		if p.pid == 0 && !p.finished {
			return fmt.Errorf("program %s is down", p.Name)
		}
	}
	return nil
}
