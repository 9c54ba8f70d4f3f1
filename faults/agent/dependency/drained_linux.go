package dependency

import (
	"time"

	"golang.org/x/sys/unix"
)

// drained waits, briefly, until the caller's kernel has what was written.
func (s *session) drained() {
	raw, err := s.client.SyscallConn()
	if err != nil {
		return
	}
	for range 50 {
		left := 0
		_ = raw.Control(func(fd uintptr) { left, _ = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
		if left == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
