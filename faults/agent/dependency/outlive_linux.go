package dependency

import (
	"errors"
	"sync"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// spares are descriptors with low numbers, kept free for sockets that must be the last
// to be closed when the process is killed: what ends our connections must still be
// translated, or their callers hear nothing of it. The kernel closes descriptors one
// after the other; which way round has changed with its versions (the work of fput is a
// stack), so that such a socket has one before all others and one behind them.
type spares struct {
	mu   sync.Mutex
	free []int
}

const (
	spareCount = 16      // proxies that can have one at the same time
	highest    = 1 << 16 // far behind those in use, and no burden to the kernel's table
)

// Reserve takes what keeps the callers of a killed agent from hanging. It is to be called
// when the process has opened little else.
func (ps *Proxies) Reserve() {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	for err == nil && len(ps.spare.free) < spareCount {
		ps.spare.free = append(ps.spare.free, null)
		null, err = unix.FcntlInt(uintptr(null), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err == nil {
		_ = unix.Close(null)
	}
}

// grip are further descriptors of a socket; -1 where there is none.
type grip struct {
	spares    *spares
	low, high int
}

// outlive gives a socket such descriptors, as far as there are any.
func (s *spares) outlive(c *netlink.Conn) grip {
	h := grip{s, -1, -1}
	var limit unix.Rlimit
	raw, err := c.SyscallConn()
	if err = errors.Join(err, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)); err != nil {
		return h
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = raw.Control(func(fd uintptr) {
		if d, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, int(min(limit.Cur-limit.Cur/8, highest))); err == nil {
			h.high = d
		}
		if n := len(s.free); n > 0 && unix.Dup3(int(fd), s.free[n-1], unix.O_CLOEXEC) == nil {
			h.low, s.free = s.free[n-1], s.free[:n-1]
		}
	})
	return h
}

// release gives the descriptors back.
func (h grip) release() error {
	if h.spares == nil {
		return nil
	}
	var errs []error
	if h.high >= 0 {
		errs = append(errs, unix.Close(h.high))
	}
	if h.low < 0 {
		return errors.Join(errs...)
	}
	h.spares.mu.Lock()
	defer h.spares.mu.Unlock()
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Dup3(null, h.low, unix.O_CLOEXEC), unix.Close(null))
	}
	if err != nil {
		return errors.Join(append(errs, err, unix.Close(h.low))...)
	}
	h.spares.free = append(h.spares.free, h.low)
	return errors.Join(errs...)
}
