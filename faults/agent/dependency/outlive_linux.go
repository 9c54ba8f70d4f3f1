package dependency

import (
	"sync"

	"golang.org/x/sys/unix"
)

// spareCount is how many proxies can have a low descriptor at the same time.
const spareCount = 16

// spares are descriptors with low numbers, kept for sockets that must be the last to be
// closed when the process is killed: what ends our connections must still be translated,
// or their callers hear nothing of it. The kernel puts an ending process's files aside
// from the lowest number on and closes them from the last one back (the work of fput is a
// stack), so that the lowest is closed last.
type spares struct {
	mu   sync.Mutex
	held []int
}

// Reserve takes what keeps the callers of a killed agent from hanging. It is to be called
// when the process has opened little else.
func (ps *Proxies) Reserve() {
	for range spareCount {
		ps.spare.giveBack()
	}
}

// lend frees one for the next socket that is opened: a new one gets the lowest number.
func (s *spares) lend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.held); n > 0 {
		_ = unix.Close(s.held[n-1])
		s.held = s.held[:n-1]
	}
}

// giveBack holds one more in reserve.
func (s *spares) giveBack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
		s.held = append(s.held, fd)
	}
}
