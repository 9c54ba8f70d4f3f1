package agent

import (
	"encoding/binary"
	"net/netip"
)

// TCP flags.
const (
	flagFIN = 1
	flagSYN = 2
	flagRST = 4
	flagPSH = 8
	flagACK = 16
)

// segment is a TCP segment as far as resets need it.
type segment struct {
	from, to netip.AddrPort
	seq, ack uint32
	flags    byte
	window   uint16
	data     int // bytes
}

// parseSegment reads the start of an IP packet; false means that it is not the first
// fragment of a TCP segment, or has IPv6 extension headers.
func parseSegment(b []byte) (segment, bool) {
	h, ok := parseHeader(b)
	if !ok || h.proto != "tcp" {
		return segment{}, false
	}
	var start, total int
	if h.src.Is4() {
		start, total = int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
		ok = binary.BigEndian.Uint16(b[6:])&0x1fff == 0
	} else {
		start, total = 40, 40+int(binary.BigEndian.Uint16(b[4:]))
		ok = b[6] == protoTCP
	}
	if !ok || len(b) < start+20 {
		return segment{}, false
	}
	t := b[start:]
	return segment{
		from: netip.AddrPortFrom(h.src, h.srcPort), to: netip.AddrPortFrom(h.dst, h.dstPort),
		seq: binary.BigEndian.Uint32(t[4:]), ack: binary.BigEndian.Uint32(t[8:]), flags: t[13],
		window: binary.BigEndian.Uint16(t[14:]), data: total - start - int(t[12]>>4)*4,
	}, true
}

// carriesData tells data of an established connection from handshakes, bare
// acknowledgements, closings and resets.
func (s segment) carriesData() bool {
	return s.data > 0 && s.flags&(flagSYN|flagRST) == 0 && s.flags&flagACK != 0
}

// bareACK tells whether a packet is a TCP segment that only acknowledges.
func bareACK(b []byte) bool {
	s, ok := parseSegment(b)
	return ok && s.data == 0 && s.flags&(flagFIN|flagSYN|flagRST|flagACK) == flagACK
}

// resets gives the reset that the receiver of s takes for the sender's, and the one
// that the sender takes for the receiver's.
func (s segment) resets() (toReceiver, toSender segment) {
	return segment{from: s.from, to: s.to, seq: s.seq, flags: flagRST},
		segment{from: s.to, to: s.from, seq: s.ack, flags: flagRST}
}

// bytes is the TCP segment on the wire, without the IP header; data is zeros.
func (s segment) bytes() []byte {
	b := make([]byte, 20+s.data)
	binary.BigEndian.PutUint16(b[0:], s.from.Port())
	binary.BigEndian.PutUint16(b[2:], s.to.Port())
	binary.BigEndian.PutUint32(b[4:], s.seq)
	binary.BigEndian.PutUint32(b[8:], s.ack)
	b[12] = 5 << 4 // header of five words
	b[13] = s.flags
	binary.BigEndian.PutUint16(b[14:], s.window)
	pseudo := sum(0, s.from.Addr().AsSlice()) + sum(0, s.to.Addr().AsSlice()) + protoTCP + uint32(len(b))
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo, b))
	return b
}

// packet is the segment with its IP header. The kernel fills in the checksum of IPv4's.
func (s segment) packet() []byte {
	t := s.bytes()
	src, dst := s.from.Addr().AsSlice(), s.to.Addr().AsSlice()
	if s.from.Addr().Is4() {
		b := make([]byte, 12, 20+len(t))
		b[0] = 0x45
		binary.BigEndian.PutUint16(b[2:], uint16(20+len(t)))
		b[6], b[8], b[9] = 0x40, 64, protoTCP // do not fragment, time to live
		return append(append(append(b, src...), dst...), t...)
	}
	b := make([]byte, 8, 40+len(t))
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(t)))
	b[6], b[7] = protoTCP, 64
	return append(append(append(b, src...), dst...), t...)
}
