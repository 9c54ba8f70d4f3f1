package agent

import (
	"container/heap"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// holdings keeps packets until they are due. It waits on a timerfd: Go's own
// timers wake up to a millisecond late when nothing else happens.
type holdings struct {
	release func(held)
	file    *os.File
	fd      int
	done    chan struct{}

	mu    sync.Mutex
	heap  packetHeap
	seq   uint64
	spare int           // bytes of the copies
	set   time.Time     // when the timer goes off
	lead  time.Duration // by how much that is ahead of the first packet
}

// maxLead is the longest the timer may go off too early: that long we look at the clock.
const maxLead = 100 * time.Microsecond

type held struct {
	due    time.Time
	seq    uint64 // keeps those due at the same time in order
	id     uint32
	packet []byte // nil: as it is in the queue
	spare  bool   // a copy, not in the queue
	device uint32 // that a copy leaves by; 0: by the routes
}

type packetHeap []held

func (h packetHeap) Len() int { return len(h) }
func (h packetHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}
func (h packetHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *packetHeap) Push(x any)   { *h = append(*h, x.(held)) }
func (h *packetHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

// newHoldings calls release with each packet when it is due, in order, from one goroutine.
func newHoldings(release func(held)) (*holdings, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make timer: %w", err)
	}
	h := &holdings{release: release, fd: fd, file: os.NewFile(uintptr(fd), "timerfd"), done: make(chan struct{})}
	go h.run()
	return h, nil
}

func (h *holdings) hold(p held) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	p.seq = h.seq
	h.spare += p.spareBytes()
	heap.Push(&h.heap, p)
	if h.heap[0].seq == h.seq {
		h.arm()
	}
}

// spareBytes are those that are kept here and not in the queue.
func (p held) spareBytes() int {
	if !p.spare {
		return 0
	}
	return len(p.packet)
}

// copied is how many bytes of copies wait.
func (h *holdings) copied() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.spare
}

// arm sets the timer to the first packet; the holdings are locked.
func (h *holdings) arm() {
	if len(h.heap) == 0 {
		return
	}
	now := time.Now()
	wait := max(h.heap[0].due.Sub(now)-h.lead, 1) // zero would disarm the timer
	h.set = now.Add(wait)
	_ = unix.TimerfdSettime(h.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(wait))}, nil)
}

func (h *holdings) run() {
	defer close(h.done)
	buf := make([]byte, 8)
	for {
		if _, err := h.file.Read(buf); err != nil {
			return
		}
		for _, p := range h.take(h.await()) {
			h.release(p)
		}
	}
}

// await is for when the timer has gone off: it waits for the first packet's time and
// gives the time then. A sleeper wakes up late, on some machines by more than the rest of
// the way takes; so the timer is set earlier by as much as it was late of late.
func (h *holdings) await() time.Time {
	now := time.Now()
	h.mu.Lock()
	var due time.Time
	if len(h.heap) > 0 {
		due = h.heap[0].due
	}
	if late := now.Sub(h.set); late >= 0 {
		h.lead += (min(late, maxLead) - h.lead) / 8
	}
	h.mu.Unlock()
	for now.Before(due) && due.Sub(now) <= maxLead {
		now = time.Now()
	}
	return now
}

// take gives what is due and sets the timer for the rest.
func (h *holdings) take(now time.Time) []held {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []held
	for len(h.heap) > 0 && !h.heap[0].due.After(now) {
		p := heap.Pop(&h.heap).(held)
		h.spare -= p.spareBytes()
		out = append(out, p)
	}
	h.arm()
	return out
}

// close releases everything at once.
func (h *holdings) close() {
	h.file.Close()
	<-h.done
	for _, p := range h.take(time.Now().Add(time.Hour)) {
		h.release(p)
	}
}
