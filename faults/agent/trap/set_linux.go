package trap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"github.com/cilium/ebpf/rlimit"

	"faultlab/faults/agent/carrier"
)

// Trap is one that is set.
type Trap struct {
	program *program
	at      link.Link
	reader  *ringbuf.Reader
	holds   *Holds
	what    What
	limit   uint64        // address
	parent  int           // of those that are meant
	over    chan struct{} // closed when all is let go
	wait    sync.WaitGroup
	once    sync.Once
	counts  Counts // when it is over
	mu      sync.Mutex
}

// Set sets a trap. What is stopped is in holds, with that of other traps.
func Set(w Where, x What, holds *Holds) (*Trap, error) {
	a, err := compile(x.Pattern)
	if err != nil {
		return nil, err
	}
	file := fmt.Sprintf("/proc/%d/exe", w.PID)
	cells, limit, err := locate(w)
	if err != nil {
		return nil, err
	}
	unlock()
	p, err := load(w, x, a, cells)
	if err != nil {
		return nil, missing("BPF", err)
	}
	t := &Trap{program: p, holds: holds, what: x, limit: limit, parent: parent(w.PID), over: make(chan struct{})}
	if t.reader, err = ringbuf.NewReader(p.events); err != nil {
		p.close()
		return nil, missing("BPF", err)
	}
	exe, err := link.OpenExecutable(file)
	if err == nil {
		t.at, err = exe.Uprobe(w.Function, p.prog, nil)
	}
	if err != nil {
		t.reader.Close()
		p.close()
		return nil, missing("breakpoints in user space (uprobes)", err)
	}
	t.wait.Go(t.listen)
	return t, nil
}

// unlock lets this process have programs where their memory counts as locked, before 5.11.
func unlock() { _ = rlimit.RemoveMemlock() }

const remedy = "use Linux 5.17 or later with CONFIG_BPF_SYSCALL, CONFIG_UPROBES and CONFIG_BPF_EVENTS, on amd64 or arm64"

func missing(what string, err error) error {
	return &carrier.Error{Code: carrier.NotSupported, Message: fmt.Sprintf("not supported: the kernel lacks %s for this: %v", what, oneLine{err}), Remedy: remedy}
}

// oneLine is an error without the verifier's log.
type oneLine struct{ error }

func (e oneLine) Error() string {
	line, _, _ := strings.Cut(e.error.Error(), "\n")
	return line
}

func (e oneLine) Unwrap() error { return e.error }

// listen lets each process go when its time is over, until all are told.
func (t *Trap) listen() {
	for {
		r, err := t.reader.Read()
		if errors.Is(err, ringbuf.ErrFlushed) || errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil || len(r.RawSample) < 16 {
			continue
		}
		pid := int(binary.NativeEndian.Uint64(r.RawSample))
		since := binary.NativeEndian.Uint64(r.RawSample[8:])
		o := t.holds.begin(pid)
		t.wait.Go(func() { t.holds.keep(pid, o, since, t.what.Delay, t.limit, t.over) })
	}
}

// Proved ends the part of the process that is always stopped.
func (t *Trap) Proved() error {
	return t.program.always.Put(uint32(0), make([]byte, 8))
}

// Counts are those since the trap was set.
func (t *Trap) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b [24]byte
	if err := t.program.counts.Lookup(uint32(0), &b); err != nil {
		return t.counts
	}
	return Counts{Hit: binary.NativeEndian.Uint64(b[:]), Stopped: binary.NativeEndian.Uint64(b[16:])}
}

// Close takes the trap away and lets go what it has stopped.
func (t *Trap) Close() error {
	var err error
	t.once.Do(func() {
		err = t.at.Close()
		now := t.Counts()
		close(t.over)
		_ = t.reader.Flush()
		t.wait.Wait()
		for range stragglers {
			t.holds.release(t.parent)
			time.Sleep(glance)
		}
		t.mu.Lock()
		t.counts = now
		t.mu.Unlock()
		_ = t.reader.Close()
		t.program.close()
	})
	return err
}

// stragglers is how often is looked for processes that came by while the trap was taken away.
const stragglers = 3
