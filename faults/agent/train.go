package agent

import (
	"encoding/binary"
	"net/netip"
)

// A train is a series of probes for one effect, which other effects of the queue leave
// alone. Its tag is behind the magic of an echo request, and in the upper four of the
// lower sixteen bits of a SYN's sequence number; the SYN is known by its port, or that it is sent to.

// train gives the questions of a run, and tells which one an answer is to.
func train(run probeRun, id uint16, local netip.Addr) (question func(i int) []byte, answer func(b []byte) (int, bool)) {
	v6 := run.to.addr.Is6()
	if run.method == methodICMP {
		return func(i int) []byte { return trainEcho(v6, id, i, run.train, run.bytes) },
			func(b []byte) (int, bool) { return echoReply(v6, id, b) }
	}
	question = func(i int) []byte {
		from, to := run.to.ends(local, i)
		s := segment{from: from, to: to,
			seq: trainMagic<<16 | uint32(run.train)<<12, flags: flagSYN, window: 1024, data: run.bytes}
		return s.bytes()
	}
	answer = func(b []byte) (int, bool) {
		if !v6 {
			if b = skipIPv4(b); b == nil {
				return 0, false
			}
		}
		if len(b) < 20 || b[13]&flagACK == 0 || binary.BigEndian.Uint16(b[8:]) != trainMagic {
			return 0, false
		}
		return run.to.number(b)
	}
	return question, answer
}

// trainEcho builds an echo request with so many bytes behind its header.
func trainEcho(v6 bool, id uint16, i int, tag byte, bytes int) []byte {
	b := echoRequest(v6, id, i)
	b = append(b, make([]byte, max(8+bytes-len(b), 0))...)
	b[16] = tag
	if !v6 {
		b[2], b[3] = 0, 0
		binary.BigEndian.PutUint16(b[2:], checksum(0, b))
	}
	return b
}

// intact gives what tells whether an answer has the checksum that it should have; nil
// where the kernel gives only those that have.
func intact(method string, v6 bool, local, peer netip.Addr) func(b []byte) bool {
	switch {
	case method == methodICMP && !v6:
		return func(b []byte) bool { b = skipIPv4(b); return b == nil || checksum(0, b) == 0 }
	case method == methodSYN:
		return func(b []byte) bool {
			if !v6 {
				b = skipIPv4(b)
			}
			if len(b) < 20 {
				return true
			}
			pseudo := sum(0, peer.AsSlice()) + sum(0, local.AsSlice()) + protoTCP + uint32(len(b))
			// On a virtual cable a packet may have the sum of the pseudo header alone,
			// for a card to go on from there.
			return checksum(pseudo, b) == 0 || binary.BigEndian.Uint16(b[16:]) == ^checksum(pseudo, nil)
		}
	}
	return nil
}
