package agent

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// resets sends resets in both ends' names.
type resets struct{ v4, v6 int }

func openResets(n *namespace) (*resets, error) {
	r := &resets{-1, -1}
	err := n.do(func() (err error) {
		if r.v4, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW); err != nil {
			return err
		}
		// A kernel without IPv6 has no IPv6 connections either.
		r.v6, err = unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
		if errors.Is(err, unix.EAFNOSUPPORT) {
			err = nil
		}
		return err
	})
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// strike resets the connection that a packet with data is of; the packet goes no further.
func (r *resets) strike(packet []byte, probe bool) bool {
	s, ok := parseSegment(packet)
	if !ok || !s.carriesData() {
		return false
	}
	a, b := s.resets()
	if probe {
		b.window = synMagic // so that the prober knows it from the peer's own
	}
	r.send(a)
	r.send(b)
	return true
}

// send sends one; what is lost here is made good by the next data, which comes again.
func (r *resets) send(s segment) {
	fd := r.v4
	if s.to.Addr().Is6() {
		fd = r.v6
	}
	_ = unix.Sendto(fd, s.packet(), 0, sockaddr(netip.AddrPortFrom(s.to.Addr(), 0)))
}

func (r *resets) close() {
	for _, fd := range []*int{&r.v4, &r.v6} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
}

// resets sends data segments of connections that are none; only a reset of the fault's
// own counts as an answer. Without the fault the peer's kernel refuses them.
func (s *linuxSpace) resets(ctx context.Context, run probeRun) (probeResult, error) {
	run.method = methodSYN
	return s.namespace.probeWith(ctx, run, func(p *prober, local netip.Addr) {
		p.question = func(i int) []byte {
			from, to := run.to.ends(local, i)
			return segment{from: from, to: to,
				seq: synMagic<<16 | uint32(i), ack: synMagic<<16 | uint32(i), flags: flagACK | flagPSH, window: 1024, data: 1}.bytes()
		}
		p.answer = func(b []byte) (int, bool) {
			if run.to.addr.Is4() {
				if b = skipIPv4(b); b == nil {
					return 0, false
				}
			}
			if len(b) < 20 || b[13]&flagRST == 0 || binary.BigEndian.Uint16(b[14:]) != synMagic {
				return 0, false
			}
			return run.to.number(b)
		}
	})
}

func (s *linuxSpace) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = s.do(func() error {
		c, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return err
	})
	return c, err
}
