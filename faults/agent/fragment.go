package agent

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// fragments cuts an IP packet into such of at most size bytes. It gives none for one
// that must not be cut: it has IPv6 extension headers, or is a fragment itself.
func fragments(packet []byte, size int) [][]byte {
	var out [][]byte
	if packet[0]>>4 == 4 {
		head := int(packet[0]&15) * 4
		if head < 20 || len(packet) < head || binary.BigEndian.Uint16(packet[6:])&0xbfff != 0 { // MF and offset
			return nil
		}
		id := packet[4:6]
		if id[0] == 0 && id[1] == 0 {
			id = binary.BigEndian.AppendUint16(nil, uint16(1+rand.IntN(1<<16-1))) // the kernel would choose one for each fragment
		}
		for offset, data := range pieces(packet[head:], size-head) {
			f := append(slices.Clone(packet[:head]), data...)
			binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
			copy(f[4:], id)
			binary.BigEndian.PutUint16(f[6:], more(offset+len(data) < len(packet)-head, 0x2000)|uint16(offset/8))
			out = append(out, f)
		}
		return out
	}
	const head = 40
	if next := packet[6]; len(packet) < head || next != protoTCP && next != protoUDP && next != protoICMPv6 {
		return nil
	}
	id := rand.Uint32()
	for offset, data := range pieces(packet[head:], size-head-8) {
		f := append(slices.Clone(packet[:head]), packet[6], 0)
		f = binary.BigEndian.AppendUint16(f, uint16(offset)|more(offset+len(data) < len(packet)-head, 1))
		f = binary.BigEndian.AppendUint32(f, id)
		f = append(f, data...)
		f[6] = 44 // fragment
		binary.BigEndian.PutUint16(f[4:], uint16(len(f)-head))
		out = append(out, f)
	}
	return out
}

// pieces gives such of at most size bytes, a multiple of eight, with their offsets.
func pieces(b []byte, size int) func(yield func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		offset := 0
		for piece := range slices.Chunk(b, size/8*8) {
			if !yield(offset, piece) {
				return
			}
			offset += len(piece)
		}
	}
}

func more(yes bool, flag uint16) uint16 {
	if yes {
		return flag
	}
	return 0
}
