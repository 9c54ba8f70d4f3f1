package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/netspace"
)

// blocking connects a socket that waits in the kernel, which is quicker than Go's way and
// the same for all that is compared. What it waits for may take 10 s.
func blocking(to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	limit := unix.Timeval{Sec: 10}
	for _, opt := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		if err == nil {
			err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, opt, &limit)
		}
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(to))
	}
	if errors.Is(err, unix.EINTR) { // it goes on, and is there when it can be written to
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 10000)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %s: %w", to, err)
	}
	return fd, nil
}

// again does a read or write until no signal (Go's own, mostly) has cut it short.
func again(do func(fd int, b []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		if n, err := do(fd, b); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// gap is between two lines: a processor that has slept takes longer, and it has in a delay.
const gap = time.Millisecond

// fill reads from a connection until b is full.
func fill(fd int, b []byte) error {
	for got := 0; got < len(b); {
		n, err := again(unix.Read, fd, b[got:])
		if err == nil && n == 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		got += n
	}
	return nil
}

// pingPong sends count lines over one connection, each a gap after the answer to the one before.
func pingPong(pid int, to netip.AddrPort, count int) (rtts series, err error) {
	err = netspace.Inside(pid, func() error {
		fd, err := blocking(to)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		b := make([]byte, 64)
		for range count {
			pause := unix.NsecToTimespec(int64(gap))
			_ = unix.Nanosleep(&pause, nil) // less, if there is a signal
			began := time.Now()
			if _, err := again(unix.Write, fd, b); err != nil {
				return err
			}
			if err := fill(fd, b); err != nil {
				return fmt.Errorf("wait for the echo at %s: %w", to, err)
			}
			rtts = append(rtts, time.Since(began))
		}
		return nil
	})
	return rtts, err
}

// bulk sends as much as goes in a time over one connection, and gives megabytes a second
// that the other end, server, has got by then.
func bulk(pid int, to netip.AddrPort, server netip.Addr, d time.Duration) (mbs float64, err error) {
	if _, err := counted(server, portSunk); err != nil {
		return 0, err
	}
	var took time.Duration
	err = netspace.Inside(pid, func() error {
		fd, err := blocking(to)
		if err != nil {
			return err
		}
		// What is on its way when the time is over is given up.
		defer unix.Close(fd)
		if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
			return err
		}
		b := make([]byte, 256<<10)
		began := time.Now()
		for left := d; left > 0; left = d - time.Since(began) {
			limit := unix.NsecToTimeval(int64(max(left, time.Millisecond)))
			if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err != nil {
				return err
			}
			if _, err := again(unix.Write, fd, b); err != nil && !errors.Is(err, unix.EAGAIN) {
				return fmt.Errorf("send to %s: %w", to, err)
			}
		}
		took = time.Since(began)
		return nil
	})
	if err != nil {
		return 0, err
	}
	n, err := counted(server, portSunk) // from here: in the target's network the question would be late
	return float64(n) / 1e6 / took.Seconds(), err
}

// flood sends small datagrams for a time, perSecond of them or (0) as many as go, and gives
// how many were sent and arrived, and in how long.
func flood(pid int, to netip.Addr, perSecond int, d time.Duration) (sent, arrived int, took time.Duration, err error) {
	if _, err := counted(to, portCounted); err != nil {
		return 0, 0, 0, err
	}
	err = netspace.Inside(pid, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, sockaddr(netip.AddrPortFrom(to, portCount))); err != nil {
			return err
		}
		b := make([]byte, 64)
		began := time.Now()
		for took = 0; took < d; took = time.Since(began) {
			if perSecond > 0 && sent > int(took.Seconds()*float64(perSecond)) {
				time.Sleep(50 * time.Microsecond)
				continue
			}
			if _, err := again(unix.Write, fd, b); err == nil {
				sent++
			}
		}
		return nil
	})
	if err != nil {
		return 0, 0, 0, err
	}
	time.Sleep(200 * time.Millisecond) // what waits in the fault and in the server's socket
	arrived, err = counted(to, portCounted)
	return sent, arrived, took, err
}

// counted asks a server, from the host, how much came since it was asked last.
func counted(at netip.Addr, port int) (n int, err error) {
	c, err := net.DialTimeout("tcp", net.JoinHostPort(at.String(), strconv.Itoa(port)), 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	var b [8]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return 0, fmt.Errorf("ask %s how much came: %w", at, err)
	}
	return int(binary.BigEndian.Uint64(b[:])), nil
}
