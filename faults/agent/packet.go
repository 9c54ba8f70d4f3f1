package agent

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// probeMagic opens the payload of the agent's own ICMP probes, so that they
// draw from a random sequence of their own and leave that of the users alone.
var probeMagic = []byte("fl:probe")

// The agent's TCP probes are SYNs from or to ports above the kernel's usual range of
// ephemeral ports, with sequence numbers that begin with synMagic.
const (
	synPorts = 61001
	synMagic = 0xfa17
	// trainMagic begins those of trains. Four bits with the tag follow, and room for the
	// bytes of data that an answer acknowledges.
	trainMagic = 0xfa18
)

// IP protocol numbers (IANA).
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
)

// header is what the pipeline needs to know of a packet.
type header struct {
	src, dst         netip.Addr
	proto            string // tcp, udp, icmp or "" for another
	srcPort, dstPort uint16
	probe            bool // one of ours
	// train is the tag of the only effect that a probe is for; 0: all. A train of them
	// proves what becomes of packets that follow one another.
	train byte
}

// parseHeader reads the start of an IPv4 or IPv6 packet. Fields that are cut
// off stay zero; false means that not even the addresses are there.
func parseHeader(b []byte) (header, bool) {
	if len(b) == 0 {
		return header{}, false
	}
	switch b[0] >> 4 {
	case 4:
		return parseIPv4(b)
	case 6:
		return parseIPv6(b)
	}
	return header{}, false
}

func parseIPv4(b []byte) (header, bool) {
	n := int(b[0]&15) * 4
	if n < 20 || len(b) < 20 {
		return header{}, false
	}
	h := header{
		src: netip.AddrFrom4([4]byte(b[12:16])),
		dst: netip.AddrFrom4([4]byte(b[16:20])),
	}
	first := binary.BigEndian.Uint16(b[6:8])&0x1fff == 0 // a later fragment has no ports
	h.transport(b[9], b[min(n, len(b)):], first)
	return h, true
}

func parseIPv6(b []byte) (header, bool) {
	if len(b) < 40 {
		return header{}, false
	}
	h := header{
		src: netip.AddrFrom16([16]byte(b[8:24])),
		dst: netip.AddrFrom16([16]byte(b[24:40])),
	}
	next, rest, first := b[6], b[40:], true
	for {
		switch next {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			if len(rest) < 8 || len(rest) < 8+int(rest[1])*8 {
				return h, true
			}
			next, rest = rest[0], rest[8+int(rest[1])*8:]
		case 44: // fragment
			if len(rest) < 8 {
				return h, true
			}
			first = binary.BigEndian.Uint16(rest[2:4])&0xfff8 == 0
			next, rest = rest[0], rest[8:]
		default:
			h.transport(next, rest, first)
			return h, true
		}
	}
}

// transport fills in the fields of the layer above IP.
func (h *header) transport(proto byte, b []byte, first bool) {
	switch proto {
	case protoTCP:
		h.proto = "tcp"
	case protoUDP:
		h.proto = "udp"
	case protoICMP, protoICMPv6:
		h.proto = "icmp"
		h.probe = first && len(b) >= 16 && bytes.Equal(b[8:16], probeMagic)
		if h.probe && len(b) > 16 {
			h.train = b[16]
		}
		return
	default:
		return
	}
	if first && len(b) >= 4 {
		h.srcPort = binary.BigEndian.Uint16(b[0:2])
		h.dstPort = binary.BigEndian.Uint16(b[2:4])
	}
	if proto == protoTCP && first && len(b) >= 12 && (h.srcPort >= synPorts || h.dstPort >= synPorts) {
		// The question and the RST that follows the answer carry the mark in
		// their sequence number, the answer in what it acknowledges.
		seq, ack := binary.BigEndian.Uint16(b[4:6]), binary.BigEndian.Uint16(b[8:10])
		h.probe = seq == synMagic || ack == synMagic
		switch {
		case h.probe:
		case seq == trainMagic:
			if h.probe = true; len(b) > 13 && b[13]&flagSYN != 0 {
				h.train = b[6] >> 4 // not the reset after the answer
			}
		case ack == trainMagic:
			h.probe, h.train = true, b[10]>>4
		}
	}
}
