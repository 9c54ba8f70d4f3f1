package dependency

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What linux/inet_diag.h has and package unix has not.
const (
	diagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagDestroy  = 21 // SOCK_DESTROY, since Linux 4.5, if INET_DIAG_DESTROY is built in
	diagInfo     = 2  // INET_DIAG_INFO, a tcp_info
	diagMark     = 15 // INET_DIAG_MARK
	diagHeader   = 72 // of inet_diag_msg
	diagIDs      = 48 // of inet_diag_sockid
)

// How long nothing may have come or gone before a connection counts as idle, in
// milliseconds: the parts of one answer come closer together. Where a question and an
// answer fell into one tick of the kernel's clock, nobody knows which was the last.
const (
	quietMS    = 20
	tieQuietMS = 200
)

// socket is a TCP socket as the kernel tells of it.
type socket struct {
	family        byte
	id            [diagIDs]byte // ports, addresses, interface and cookie
	local, remote netip.AddrPort
	mark          uint32
	orphan        bool // its owner has closed it
	activity
}

// activity is what tells whether a call is on its way.
type activity struct {
	queued     uint32 // bytes that are not read, or not acknowledged
	sent, recv uint32 // milliseconds since data was last sent and received
	out, in    uint32 // segments with data so far
}

// idle tells whether no call is under way: the last data was an answer, which the
// server has sent and the client received.
func (a activity) idle(server bool) bool {
	asked, answered, answers := a.recv, a.sent, a.out
	if !server {
		asked, answered, answers = a.sent, a.recv, a.in
	}
	quiet := uint32(quietMS)
	switch {
	case a.in == 0 && a.out == 0:
		return true // nobody has asked anything
	case a.queued > 0 || answers == 0 || answered > asked:
		return false
	case answered == asked:
		quiet = tieQuietMS
	}
	return answered >= quiet
}

// States of sockets, one bit each: those that carry calls, and all of connections that
// have not ended.
const (
	carrying  = 1<<unix.BPF_TCP_ESTABLISHED | 1<<unix.BPF_TCP_CLOSE_WAIT
	connected = carrying | 1<<unix.BPF_TCP_SYN_SENT | 1<<unix.BPF_TCP_SYN_RECV | 1<<unix.BPF_TCP_FIN_WAIT1 |
		1<<unix.BPF_TCP_FIN_WAIT2 | 1<<unix.BPF_TCP_LAST_ACK | 1<<unix.BPF_TCP_CLOSING
)

// established lists the sockets of the thread's network namespace that want takes.
func established(want func(socket) bool) ([]socket, error) { return socketsIn(carrying, want) }

// socketsIn lists those in some states.
func socketsIn(states uint32, want func(socket) bool) ([]socket, error) {
	c, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	defer c.Close()
	var out []socket
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		req := request(family, [diagIDs]byte{})
		req[2] = 1 << (diagInfo - 1)
		binary.NativeEndian.PutUint32(req[4:], states)
		messages, err := c.Execute(netlink.Message{Header: netlink.Header{Type: diagByFamily, Flags: netlink.Request | netlink.Dump}, Data: req})
		if errors.Is(err, unix.ENOENT) {
			continue // a kernel without this version of IP
		}
		if err != nil {
			return nil, fmt.Errorf("list connections: %w", err)
		}
		for _, m := range messages {
			if s, ok := parseSocket(m.Data); ok && want(s) {
				out = append(out, s)
			}
		}
	}
	return out, nil
}

// request is an inet_diag_req_v2.
func request(family byte, id [diagIDs]byte) []byte {
	return append([]byte{family, unix.IPPROTO_TCP, 0, 0, 0xff, 0xff, 0xff, 0xff}, id[:]...)
}

// parseSocket reads an inet_diag_msg.
func parseSocket(b []byte) (s socket, ok bool) {
	if len(b) < diagHeader {
		return s, false
	}
	s.family = b[0]
	copy(s.id[:], b[4:])
	address := func(at []byte) netip.Addr {
		if s.family == unix.AF_INET {
			return netip.AddrFrom4([4]byte(at))
		}
		return netip.AddrFrom16([16]byte(at)).Unmap()
	}
	s.local = netip.AddrPortFrom(address(s.id[4:20]), binary.BigEndian.Uint16(s.id[0:]))
	s.remote = netip.AddrPortFrom(address(s.id[20:36]), binary.BigEndian.Uint16(s.id[2:]))
	s.orphan = binary.NativeEndian.Uint32(b[68:]) == 0
	s.queued = binary.NativeEndian.Uint32(b[56:]) + binary.NativeEndian.Uint32(b[60:])
	attrs, err := netlink.UnmarshalAttributes(b[diagHeader:])
	if err != nil {
		return s, false
	}
	for _, a := range attrs {
		switch {
		case a.Type == diagMark && len(a.Data) >= 4:
			s.mark = binary.NativeEndian.Uint32(a.Data)
		case a.Type == diagInfo && len(a.Data) >= 160:
			s.sent, s.recv = binary.NativeEndian.Uint32(a.Data[44:]), binary.NativeEndian.Uint32(a.Data[52:])
			s.in, s.out = binary.NativeEndian.Uint32(a.Data[152:]), binary.NativeEndian.Uint32(a.Data[156:])
		}
	}
	return s, true
}

// destroy ends a connection: the other end gets a reset, the owner of the socket an
// error. One that has ended is no error.
func (s socket) destroy() error {
	c, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return fmt.Errorf("end a connection: %w", err)
	}
	defer c.Close()
	_, err = c.Execute(netlink.Message{Header: netlink.Header{Type: diagDestroy, Flags: netlink.Request | netlink.Acknowledge}, Data: request(s.family, s.id)})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("end the connection from %s to %s: %w", s.local, s.remote, err)
	}
	return nil
}
