package trap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/ledger"
)

// Holds are the processes that traps of one agent have stopped. One that several have
// stopped goes on when the last lets it. The zero Holds is ready for use.
type Holds struct {
	mu   sync.Mutex
	held map[int]*hold // by process
}

// hold is one stop of a process.
type hold struct {
	by int           // how many traps
	on chan struct{} // closed when it goes on
}

func (h *Holds) begin(pid int) *hold {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held == nil {
		h.held = map[int]*hold{}
	}
	if h.held[pid] == nil {
		h.held[pid] = &hold{on: make(chan struct{})}
	}
	h.held[pid].by++
	return h.held[pid]
}

// end lets a process go on where nobody else has stopped it, or at once.
func (h *Holds) end(pid int, o *hold, atOnce bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o.by--; h.held[pid] != o || o.by > 0 && !atOnce {
		return
	}
	delete(h.held, pid)
	close(o.on)
	_ = unix.Kill(pid, unix.SIGCONT)
}

// Release lets the siblings of a process go on that are stopped and not in h, which is
// what a dead agent left, and says how many there were.
func (h *Holds) Release(pid int) int { return h.release(parent(pid)) }

func (h *Holds) release(of int) (n int) {
	for _, pid := range stopped(of) {
		h.mu.Lock()
		if h.held[pid] == nil && unix.Kill(pid, unix.SIGCONT) == nil {
			n++
		}
		h.mu.Unlock()
	}
	return n
}

// glance is how often a process that is stopped is looked at.
const glance = 5 * time.Millisecond

// keep waits until a process has been stopped for a time, given since when in the
// kernel's monotonic clock, and lets it go. It goes earlier when over is closed, and
// when a signal waits that ends or cancels what it does.
func (h *Holds) keep(pid int, o *hold, since uint64, d time.Duration, limit uint64, over <-chan struct{}) {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	begun := time.Now().Add(-time.Duration(uint64(now.Nano()) - since))
	end := time.NewTimer(time.Until(begun.Add(d)))
	defer end.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			h.end(pid, o, false)
			return
		case <-over:
			h.end(pid, o, false)
			return
		case <-o.on: // another trap has let it go
			return
		case <-tick.C:
			if s := pending(pid); s&calls != 0 || s&alarm != 0 && expired(pid, limit, time.Since(begun)) {
				h.end(pid, o, true)
				return
			}
		}
	}
}

// The signals that a stopped process should hear: cancellation, an end, and a time
// limit of its own, which comes as an alarm among others.
const (
	calls = 1<<(unix.SIGINT-1) | 1<<(unix.SIGTERM-1) | 1<<(unix.SIGQUIT-1)
	alarm = 1 << (unix.SIGALRM - 1)
)

// pending are the signals that wait for a process, as bits; all of them if it has ended.
func pending(pid int) (out uint64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return ^uint64(0)
	}
	for l := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(l, ":")
		if name == "SigPnd" || name == "ShdPnd" {
			n, _ := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
			out |= n
		}
	}
	return out
}

// expired tells whether the limit that a process has in its memory, in milliseconds, is over.
func expired(pid int, limit uint64, after time.Duration) bool {
	if limit == 0 {
		return false
	}
	n, err := number(pid, limit, 4)
	return err != nil || n > 0 && after >= time.Duration(n)*time.Millisecond
}

// resumeFor is how long after a trap's end processes may still stop.
const resumeFor = 500 * time.Millisecond

// Family names the parent of a process, for [Resume] in another one.
func Family(pid int) (any, error) {
	up := parent(pid)
	start, err := ledger.Started(up)
	return family{PID: up, Start: start}, err
}

type family struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"` // so that another one with its number is none
}

// Resume is the keeper's act: it lets the children of a process go on that are stopped.
func Resume(args json.RawMessage) error {
	var f family
	if err := json.Unmarshal(args, &f); err != nil {
		return err
	}
	for end := time.Now().Add(resumeFor); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if start, err := ledger.Started(f.PID); err != nil || start != f.Start {
			return nil
		}
		for _, pid := range stopped(f.PID) {
			if err := unix.Kill(pid, unix.SIGCONT); err != nil && err != unix.ESRCH {
				return fmt.Errorf("let process %d go on: %w", pid, err)
			}
		}
	}
	return nil
}

// stopped are the children of a process that are.
func stopped(of int) (out []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if state, up := look(pid); err == nil && state == "T" && up == of {
			out = append(out, pid)
		}
	}
	return out
}

// parent is that of a process.
func parent(pid int) int {
	_, up := look(pid)
	return up
}

// look gives a process's state and its parent.
func look(pid int) (state string, up int) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The name is in parentheses and may have any character.
	if f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])); len(f) > 1 {
		state = f[0]
		up, _ = strconv.Atoi(f[1])
	}
	return state, up
}
