package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

const (
	// copyMark is on the copies of packets that the agent sends: they pass our rules.
	copyMark = 0xfa18
	// wholeBytes is the most that the kernel copies of a packet.
	wholeBytes = 0xffff
	// fragmentBytes is what every link carries: the least MTU of IPv6.
	fragmentBytes = 1280
	// sendBuffer of the sockets; what does not fit is lost.
	sendBuffer = 8 << 20
)

// ready prepares the queue for what the effects need besides the start of packets.
func (q *queue) ready(effects []effect) error {
	bytes := uint32(headBytes)
	for _, e := range effects {
		for _, a := range []*action{e.out, e.in} {
			if a == nil || !a.whole() && !e.charges() {
				continue
			}
			bytes = wholeBytes
			if (a.twice > 0 || e.charges()) && q.copies == nil {
				if err := q.openCopies(); err != nil {
					return err
				}
			}
		}
	}
	if bytes == q.shown {
		return nil
	}
	if err := q.show(bytes); err != nil {
		return err
	}
	q.shown = bytes
	return nil
}

func (q *queue) openCopies() error {
	r, err := openResets(q.ns)
	if err != nil {
		return fmt.Errorf("open raw sockets: %w", err)
	}
	for _, fd := range []int{r.v4, r.v6} {
		if fd < 0 {
			continue
		}
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, copyMark)
		if err == nil && fd == r.v6 {
			err = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1) // as IPv4's are
		}
		if err != nil {
			r.close()
			return fmt.Errorf("set up sockets for copies: %w", err)
		}
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) // as much as one may have who is not the host's root
		}
	}
	q.copies = r
	q.spare = r.copy
	return nil
}

// closeCopies closes the sockets when nothing waits any more.
func (q *queue) closeCopies() {
	if q.copies != nil {
		q.copies.close()
		q.copies = nil
	}
}

// copy sends a packet as it is, from its own address by a device; one that arrived goes
// to the target over loopback. One that is too large for the link goes in fragments, as
// the packet itself will.
func (r *resets) copy(packet []byte, device uint32) {
	h, ok := parseHeader(packet)
	if !ok {
		return
	}
	fd := r.v4
	if h.dst.Is6() {
		fd = r.v6
	}
	to, way := sockaddr(netip.AddrPortFrom(h.dst, 0)), wayBy(h.src, device)
	if err := unix.Sendmsg(fd, packet, way, to, 0); !errors.Is(err, unix.EMSGSIZE) {
		return // what is lost here is lost on the way, as a copy may
	}
	for _, f := range fragments(packet, fragmentBytes) {
		_ = unix.Sendmsg(fd, f, way, to, 0)
	}
}

// wayBy is the control message that has a packet from an address leave by a device.
func wayBy(src netip.Addr, device uint32) []byte {
	switch {
	case device == 0:
		return nil
	case src.Is4():
		return unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(device), Spec_dst: src.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: device, Addr: src.As16()})
}

// letGo lets what has a mark go on.
func letGo(mark uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.NativeEndian.AppendUint32(nil, mark)},
		&expr.Verdict{Kind: expr.VerdictAccept},
	}
}
