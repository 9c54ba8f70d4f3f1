package agent

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// transports lists the protocols a match needs a rule each for; "" is any.
func transports(m match) []string {
	switch {
	case m.proto == "icmp":
		return []string{"icmp", "icmpv6"}
	case m.proto != "":
		return []string{m.proto}
	case m.port != 0:
		return []string{"tcp", "udp"}
	}
	return []string{""}
}

var transportNumber = map[string]byte{"tcp": protoTCP, "udp": protoUDP, "icmp": protoICMP, "icmpv6": protoICMPv6}

// notLoopback lets a rule match only what crosses a real interface.
func notLoopback(dir int) []expr.Any {
	key := expr.MetaKeyOIFNAME
	if dir == dirIn {
		key = expr.MetaKeyIIFNAME
	}
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, "lo")
	return []expr.Any{
		&expr.Meta{Key: key, Register: 1},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: name},
	}
}

// address matches the other end: the destination of what goes out, the source of what comes in.
func address(pre netip.Prefix, dir int) []expr.Any {
	family, size, offset := byte(unix.NFPROTO_IPV4), 4, uint32(16)
	if dir == dirIn {
		offset = 12
	}
	if pre.Addr().Is6() {
		family, size, offset = unix.NFPROTO_IPV6, 16, 24
		if dir == dirIn {
			offset = 8
		}
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{family}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: uint32(size)},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: uint32(size),
			Mask: net.CIDRMask(pre.Bits(), size*8), Xor: make([]byte, size)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: pre.Masked().Addr().AsSlice()},
	}
}

// transport matches a protocol and the ports that the match has.
func transport(proto string, m match, dir int) []expr.Any {
	out := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{transportNumber[proto]}},
	}
	source, destination := m.local, m.port
	if dir == dirIn {
		source, destination = m.port, m.local
	}
	for i, port := range []uint16{source, destination} {
		if port != 0 {
			out = append(out,
				&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: uint32(2 * i), Len: 2},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, port)})
		}
	}
	return out
}

// longestACK is more than the headers of a segment that only acknowledges can have.
const longestACK = 100

// notBareACK gives the ways in which what is of proto, or of any, is something else than
// a TCP segment that only acknowledges: to tell its data apart from its options the
// kernel cannot calculate, so that a few bytes in the middle of a stream may pass as one.
func notBareACK(proto string) [][]expr.Any {
	isTCP := func(op expr.CmpOp) []expr.Any {
		return []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: op, Register: 1, Data: []byte{protoTCP}},
		}
	}
	var out [][]expr.Any
	if proto != "tcp" {
		out = append(out, isTCP(expr.CmpOpNeq))
	}
	if proto != "tcp" && proto != "" {
		return out
	}
	return append(out,
		append(isTCP(expr.CmpOpEq),
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
			&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{flagFIN | flagSYN | flagRST | flagPSH}, Xor: []byte{0}},
			&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: []byte{0}}),
		append(isTCP(expr.CmpOpEq),
			&expr.Meta{Key: expr.MetaKeyLEN, Register: 1},
			&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 4, Size: 4},
			&expr.Cmp{Op: expr.CmpOpGt, Register: 1, Data: binary.BigEndian.AppendUint32(nil, longestACK)}))
}
