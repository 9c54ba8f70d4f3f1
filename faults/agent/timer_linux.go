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
	release func(id uint32)
	file    *os.File
	fd      int
	done    chan struct{}

	mu   sync.Mutex
	heap packetHeap
	seq  uint64
	set  time.Time     // when the timer goes off
	lead time.Duration // by how much that is ahead of the first packet
}

// maxLead is the longest the timer may go off too early: that long we look at the clock.
const maxLead = 100 * time.Microsecond

type held struct {
	due time.Time
	seq uint64 // keeps those due at the same time in order
	id  uint32
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
func newHoldings(release func(id uint32)) (*holdings, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make timer: %w", err)
	}
	h := &holdings{release: release, fd: fd, file: os.NewFile(uintptr(fd), "timerfd"), done: make(chan struct{})}
	go h.run()
	return h, nil
}

func (h *holdings) hold(id uint32, due time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	heap.Push(&h.heap, held{due, h.seq, id})
	if h.heap[0].id == id && h.heap[0].seq == h.seq {
		h.arm()
	}
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
		for _, id := range h.take(h.await()) {
			h.release(id)
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
func (h *holdings) take(now time.Time) []uint32 {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []uint32
	for len(h.heap) > 0 && !h.heap[0].due.After(now) {
		out = append(out, heap.Pop(&h.heap).(held).id)
	}
	h.arm()
	return out
}

// close releases everything at once.
func (h *holdings) close() {
	h.file.Close()
	<-h.done
	for _, id := range h.take(time.Now().Add(time.Hour)) {
		h.release(id)
	}
}
