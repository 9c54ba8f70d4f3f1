package agent

import (
	"encoding/binary"
	"net/netip"
)

// maxProbes bounds one series: probes are told apart by 16 bits.
const maxProbes = 1 << 16

// echoRequest builds the ICMP or ICMPv6 echo request number i of a series.
// The kernel fills in the checksum of ICMPv6.
func echoRequest(v6 bool, id uint16, i int) []byte {
	b := make([]byte, 8, 64)
	if v6 {
		b[0] = 128
	} else {
		b[0] = 8
	}
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], uint16(i))
	b = append(b, probeMagic...)
	b = b[:64] // as long as that of ping
	if !v6 {
		binary.BigEndian.PutUint16(b[2:], checksum(0, b))
	}
	return b
}

// echoReply gives the number of the request that a packet answers. IPv4 packets
// come with their IP header, IPv6 ones without.
func echoReply(v6 bool, id uint16, b []byte) (int, bool) {
	want := byte(129)
	if !v6 {
		want = 0
		if b = skipIPv4(b); b == nil {
			return 0, false
		}
	}
	if len(b) < 16 || b[0] != want || binary.BigEndian.Uint16(b[4:]) != id || string(b[8:16]) != string(probeMagic) {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(b[6:])), true
}

// ends are those of TCP probe number i, which has a port above synPorts to itself: one of
// the agent's, or of the peer's where the probe leaves from the target's own port.
func (e endpoint) ends(local netip.Addr, i int) (from, to netip.AddrPort) {
	number := synPorts + uint16(i%(65535-synPorts))
	if e.local != 0 {
		return netip.AddrPortFrom(local, e.local), netip.AddrPortFrom(e.addr, number)
	}
	return netip.AddrPortFrom(local, number), netip.AddrPortFrom(e.addr, e.port)
}

// number is that of the TCP probe that a segment answers by its ports.
func (e endpoint) number(b []byte) (int, bool) {
	port, number, want := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), e.port
	if e.local != 0 {
		port, number, want = number, port, e.local
	}
	return int(number) - synPorts, port == want && number >= synPorts
}

// synSegment builds the TCP SYN number i of a series.
func synSegment(from, to netip.AddrPort, i int) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b[0:], from.Port())
	binary.BigEndian.PutUint16(b[2:], to.Port())
	binary.BigEndian.PutUint32(b[4:], synMagic<<16|uint32(i))
	b[12] = 5 << 4 // header of five words
	b[13] = 2      // SYN
	binary.BigEndian.PutUint16(b[14:], 1024)
	src, dst := from.Addr().AsSlice(), to.Addr().AsSlice()
	pseudo := sum(0, src) + sum(0, dst) + protoTCP + uint32(len(b))
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo, b))
	return b
}

// synAnswer gives the number of the SYN that a segment acknowledges.
func synAnswer(v6 bool, to endpoint, b []byte) (int, bool) {
	if !v6 {
		if b = skipIPv4(b); b == nil {
			return 0, false
		}
	}
	if len(b) < 20 || b[13]&flagACK == 0 {
		return 0, false
	}
	if _, ok := to.number(b); !ok {
		return 0, false
	}
	seq := binary.BigEndian.Uint32(b[8:]) - 1
	return int(seq & 0xffff), seq>>16 == synMagic
}

// dnsQuery asks for the name servers of the root, which any resolver answers in some way.
func dnsQuery(id uint16) []byte {
	b := make([]byte, 12, 17)
	binary.BigEndian.PutUint16(b, id)
	b[2] = 1                        // recursion desired
	b[5] = 1                        // one question
	return append(b, 0, 0, 2, 0, 1) // the root, NS, IN
}

// dnsAnswer gives the id of an answer.
func dnsAnswer(b []byte) (uint16, bool) {
	if len(b) < 12 || b[2]&0x80 == 0 {
		return 0, false
	}
	return binary.BigEndian.Uint16(b), true
}

func skipIPv4(b []byte) []byte {
	if len(b) < 20 || len(b) < int(b[0]&15)*4 {
		return nil
	}
	return b[int(b[0]&15)*4:]
}

// checksum is the Internet checksum (RFC 1071) on top of a partial sum.
func checksum(partial uint32, b []byte) uint16 {
	s := sum(partial, b)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}
