package dependency

import (
	"encoding/binary"
	"net"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// originalTo is SO_ORIGINAL_DST, for both versions of IP.
const originalTo = 80

// original is where a call was for before it was given the listener's address; the zero
// value if it was not.
func original(c *net.TCPConn) (to netip.AddrPort) {
	raw, err := c.SyscallConn()
	if err != nil {
		return to
	}
	is4 := addressOf(c.LocalAddr()).Addr().Is4()
	_ = raw.Control(func(fd uintptr) {
		if is4 { // a sockaddr_in, which this one's room is enough for
			if m, err := unix.GetsockoptIPv6Mreq(int(fd), unix.SOL_IP, originalTo); err == nil {
				to = netip.AddrPortFrom(netip.AddrFrom4([4]byte(m.Multiaddr[4:8])), binary.BigEndian.Uint16(m.Multiaddr[2:]))
			}
			return
		}
		if m, err := unix.GetsockoptIPv6MTUInfo(int(fd), unix.SOL_IPV6, originalTo); err == nil {
			port := *(*[2]byte)(unsafe.Pointer(&m.Addr.Port)) // in network order
			to = netip.AddrPortFrom(netip.AddrFrom16(m.Addr.Addr), binary.BigEndian.Uint16(port[:]))
		}
	})
	return to
}

func addressOf(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
