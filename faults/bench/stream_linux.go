package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults/agent/netspace"
)

// stream sends count numbered datagrams (0: until ctx ends) to an echo, from the network of
// a process, and waits for the last answer. Packets are in the order of sending; began is
// when the clock of their times started.
func stream(ctx context.Context, pid int, to netip.AddrPort, count int, every, wait time.Duration) (all []packet, began time.Time, err error) {
	err = netspace.Inside(pid, func() error {
		fd, err := socket(unix.SOCK_DGRAM)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.Connect(fd, sockaddr(to)); err != nil {
			return fmt.Errorf("connect to %s: %w", to, err)
		}
		p, err := newPace()
		if err != nil {
			return err
		}
		defer p.close()
		if err := p.watch(fd, unix.EPOLLIN); err != nil {
			return err
		}
		began = time.Now()
		back, out, in := 0, make([]byte, 64), make([]byte, 64)
		act := func(i int) bool {
			if ctx.Err() != nil || count > 0 && i >= count {
				return false
			}
			binary.BigEndian.PutUint32(out, uint32(i))
			all = append(all, packet{time.Since(began), lost})
			unix.Write(fd, out) // one that cannot be sent is one without an answer
			return true
		}
		return p.run(every, wait, act, func(int) {
			for {
				n, err := unix.Read(fd, in)
				now := time.Since(began)
				if err != nil || n < 4 {
					return
				}
				if i := int(binary.BigEndian.Uint32(in)); i < len(all) && all[i].rtt == lost {
					all[i].rtt = now - all[i].at
					back++
				}
			}
		}, func() bool { return count > 0 && back == count })
	})
	return all, began, err
}

// back are the round trips of the packets that came back, and how many did not.
func back(all []packet) (rtts series, missing int) {
	for _, p := range all {
		if p.rtt == lost {
			missing++
			continue
		}
		rtts = append(rtts, p.rtt)
	}
	return rtts, missing
}

// exchange is what one TCP connection took.
type exchange struct {
	connect, echo time.Duration // lost: it did not happen in time
	asked         time.Time
	state         int // 0 connecting, 1 asked, 2 over
}

// exchanges connects count times to an echo, at even intervals, and sends a line over each
// connection as soon as it is there.
func exchanges(pid int, to netip.AddrPort, count int, every, wait time.Duration) (connect, echo series, err error) {
	all := make(map[int]*exchange, count)
	err = netspace.Inside(pid, func() error {
		p, err := newPace()
		if err != nil {
			return err
		}
		defer p.close()
		defer func() {
			for fd := range all {
				unix.Close(fd)
			}
		}()
		var failed error
		over := 0
		act := func(i int) bool {
			if i >= count {
				return false
			}
			var fd int
			if fd, failed = socket(unix.SOCK_STREAM); failed != nil {
				return false
			}
			all[fd] = &exchange{connect: lost, echo: lost, asked: time.Now()}
			_ = unix.Connect(fd, sockaddr(to)) // in progress
			failed = p.watch(fd, unix.EPOLLOUT)
			return failed == nil
		}
		line := make([]byte, 64)
		err = p.run(every, wait, act, func(fd int) {
			x, now := all[fd], time.Now()
			switch x.state {
			case 0:
				if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
					x.state, over = 2, over+1
					_ = unix.EpollCtl(p.ep, unix.EPOLL_CTL_DEL, fd, nil)
					return
				}
				x.connect, x.state, x.asked = now.Sub(x.asked), 1, time.Now()
				unix.Write(fd, line)
				_ = p.watch(fd, unix.EPOLLIN)
			case 1:
				x.echo, x.state, over = now.Sub(x.asked), 2, over+1
				_ = unix.EpollCtl(p.ep, unix.EPOLL_CTL_DEL, fd, nil)
			}
		}, func() bool { return over == count || failed != nil })
		if err == nil {
			err = failed
		}
		return err
	})
	for _, x := range all {
		if x.connect != lost {
			connect = append(connect, x.connect)
		}
		if x.echo != lost {
			echo = append(echo, x.echo)
		}
	}
	return connect, echo, err
}
