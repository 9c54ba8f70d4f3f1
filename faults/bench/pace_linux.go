package main

import (
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// socket opens a non-blocking one of this thread's namespace.
func socket(typ int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if typ == unix.SOCK_STREAM {
		return fd, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	// What waits in a fault is in the sender's buffer as far as the kernel is concerned.
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 64<<20)
	return fd, errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20))
}

func sockaddr(to netip.AddrPort) unix.Sockaddr {
	return &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
}

// pace does something at even intervals and waits for events in between, in one thread and
// with the kernel's own timer: Go's wakes up to a millisecond late.
type pace struct {
	ep, timer int
}

func newPace() (*pace, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	p := &pace{ep: ep}
	if p.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err == nil {
		err = p.watch(p.timer, unix.EPOLLIN)
	}
	return p, err
}

func (p *pace) close() {
	unix.Close(p.timer)
	unix.Close(p.ep)
}

// watch waits for events of fd from now on; again, for others.
func (p *pace) watch(fd int, events uint32) error {
	e := &unix.EpollEvent{Events: events, Fd: int32(fd)}
	err := unix.EpollCtl(p.ep, unix.EPOLL_CTL_ADD, fd, e)
	if errors.Is(err, unix.EEXIST) {
		err = unix.EpollCtl(p.ep, unix.EPOLL_CTL_MOD, fd, e)
	}
	return err
}

// run calls act for 0, 1, 2 and so on, every interval; those it is late for follow at once.
// It ends when done says so, or wait after act said that there are no more.
func (p *pace) run(every, wait time.Duration, act func(i int) (more bool), event func(fd int), done func() bool) error {
	began, next, acting := time.Now(), 0, true
	var end time.Time
	events := make([]unix.EpollEvent, 64)
	for {
		for acting && time.Since(began) >= time.Duration(next)*every {
			acting = act(next)
			next++
		}
		due := began.Add(time.Duration(next) * every)
		if !acting {
			if end.IsZero() {
				end = time.Now().Add(wait)
			}
			due = end
		}
		if done() || !acting && !time.Now().Before(end) {
			return nil
		}
		left := max(time.Until(due), 1) // 0 would disarm it
		if err := unix.TimerfdSettime(p.timer, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(left))}, nil); err != nil {
			return os.NewSyscallError("timerfd_settime", err)
		}
		n, err := unix.EpollWait(p.ep, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, e := range events[:max(n, 0)] {
			if fd := int(e.Fd); fd != p.timer {
				event(fd)
			}
		}
	}
}
