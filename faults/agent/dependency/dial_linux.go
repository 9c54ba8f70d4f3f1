package dependency

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// dials are on their way until they are given up.
type dials struct {
	context.Context
	giveUp context.CancelFunc
}

func newDials() (d dials) {
	d.Context, d.giveUp = context.WithCancel(context.Background())
	return d
}

// dial connects from inside the namespace. before is called with the socket.
func (p *proxy) dial(ctx context.Context, to string, mark int, before func(fd int) error) (*net.TCPConn, error) {
	var conn net.Conn
	d := net.Dialer{Timeout: time.Minute, Control: func(_, _ string, raw syscall.RawConn) (err error) {
		return errors.Join(raw.Control(func(fd uintptr) {
			if mark != 0 {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, mark)
			}
			if before != nil && err == nil {
				err = before(int(fd))
			}
		}), err)
	}}
	err := p.in(func() (err error) {
		conn, err = d.DialContext(ctx, "tcp", to)
		return err
	})
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}
