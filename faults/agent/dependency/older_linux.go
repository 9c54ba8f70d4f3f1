package dependency

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults"
)

const (
	// grace is how long calls under way have before their connections are ended.
	grace = 2 * time.Second
	// look is how often idle ones are looked for meanwhile.
	look = 10 * time.Millisecond
)

// gently ends connections: those that are idle as soon as they are, what is left after
// the grace. list gives those that are left, and end ends one.
func gently[C any](ctx context.Context, list func() ([]C, error), idle func(C) bool, end func(C) error) (int, error) {
	ended := 0
	for over := time.Now().Add(grace); ; {
		conns, err := list()
		if err != nil || len(conns) == 0 {
			return ended, err
		}
		late, failed := time.Now().After(over) || ctx.Err() != nil, 0
		var errs []error
		for _, c := range conns {
			if !late && !idle(c) {
				continue
			}
			if err := end(c); err != nil {
				errs = append(errs, err)
				failed++
				continue
			}
			ended++
		}
		if late || failed > 0 {
			return ended, errors.Join(errs...)
		}
		time.Sleep(look)
	}
}

// concerned tells whether a connection is one of the calls that a proxy stands in the way of.
func (p *proxy) concerned(s socket) bool {
	if s.mark&markMask == ownMark {
		return false
	}
	if p.side == faults.Calling {
		return s.remote.Port() == p.port && !s.remote.Addr().IsLoopback() && s.remote.Addr() != s.local.Addr()
	}
	return s.local.Port() == p.port
}

// noteOlder remembers the connections that are older than the rule. It comes before the
// first connection is accepted: those that the rule has met wait at a listener.
func (p *proxy) noteOlder() {
	p.unknown = p.in(func() error {
		waiting := map[string]bool{}
		all, err := established(func(s socket) bool {
			for _, l := range p.listeners {
				if p.side == faults.Calling && s.local.Port() == uint16(l.Addr().(*net.TCPAddr).Port) {
					waiting[s.remote.String()] = true
				}
			}
			return p.concerned(s)
		})
		for _, s := range all {
			if !waiting[s.local.String()] {
				p.older[s.id] = true
			}
		}
		return err
	})
}

// endOlder ends the connections older than the rule that a stage concerns, and those
// whose bytes pass through the proxy unseen. It gives their number.
func (p *proxy) endOlder(ctx context.Context, s *stage, sessions []carried) (int, error) {
	if p.unknown != nil {
		return 0, fmt.Errorf("older connections stay: %w", p.unknown)
	}
	n, err := gently(ctx, func() (out []socket, err error) {
		err = p.in(func() error {
			out, err = established(func(o socket) bool {
				return p.older[o.id] && s.concerns(o.remote.Addr())
			})
			return err
		})
		return out, err
	}, func(o socket) bool { return o.idle(p.side != faults.Calling) },
		func(o socket) error { return p.in(o.destroy) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return 0, fmt.Errorf("older connections stay, this kernel cannot end them (INET_DIAG_DESTROY): %w", err)
	}
	if err != nil {
		return n, err
	}
	m := p.endSessions(ctx, sessions)
	return n + m, nil
}

// endSessions ends connections through the proxy.
func (p *proxy) endSessions(ctx context.Context, of []carried) int {
	n, _ := gently(ctx, func() ([]carried, error) { return p.alive(of), nil },
		func(c carried) bool { return activityOf(c.caller()).idle(true) },
		func(c carried) error { c.end(!activityOf(c.caller()).idle(true)); p.untrack(c); return nil })
	return n
}

// activityOf asks the kernel about a socket of our own; one that is closed is idle.
func activityOf(c *net.TCPConn) activity {
	var a activity
	raw, err := c.SyscallConn()
	if err != nil {
		return a
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO); err == nil {
			a.sent, a.recv, a.queued = info.Last_data_sent, info.Last_data_recv, info.Unacked
			a.in, a.out = info.Data_segs_in, info.Data_segs_out
		}
		if n, err := unix.IoctlGetInt(int(fd), unix.TIOCINQ); err == nil {
			a.queued += uint32(n)
		}
	})
	return a
}
