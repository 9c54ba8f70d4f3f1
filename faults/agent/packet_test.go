package agent

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// The same seed decides the same; other effects and probes change nothing.
func TestPipelineRepeats(t *testing.T) {
	packet := synSegmentPacket(t, "10.0.0.1", "10.0.0.2", 4000, 80)
	run := func(seed uint64, before bool, probes bool) []bool {
		var p pipeline
		if before {
			p.add(effect{id: "d", out: &action{delay: time.Second, jitter: time.Second}, seed: 3})
		}
		p.add(effect{id: "l", out: &action{loss: 0.3}, seed: seed})
		var out []bool
		for i := range 500 {
			if probes && i%3 == 0 {
				p.judge(echoPacket("10.0.0.1", "10.0.0.2"), dirOut, time.Time{})
			}
			out = append(out, p.judge(packet, dirOut, time.Time{}).drop)
		}
		return out
	}
	want := run(7, false, false)
	if !slices.Equal(run(7, true, false), want) || !slices.Equal(run(7, false, true), want) {
		t.Error("the sequence of one seed changed")
	}
	if slices.Equal(run(8, false, false), want) {
		t.Error("another seed gives the same sequence")
	}
	n := 0
	for _, d := range want {
		if d {
			n++
		}
	}
	if lo, hi := binomialBand(500, 0.3); n < lo || n > hi {
		t.Errorf("%d of 500 dropped", n)
	}
}

func echoPacket(src, dst string) []byte {
	return packet4(src, dst, protoICMP, echoRequest(false, 1, 1))
}

func synSegmentPacket(t *testing.T, src, dst string, sport, dport uint16) []byte {
	t.Helper()
	b := synSegment(netip.AddrPortFrom(netip.MustParseAddr(src), sport), netip.AddrPortFrom(netip.MustParseAddr(dst), dport), 1)
	return packet4(src, dst, protoTCP, b)
}

func packet4(src, dst string, proto byte, payload []byte) []byte {
	b := make([]byte, 20, 20+len(payload))
	b[0], b[9] = 0x45, proto
	copy(b[12:], netip.MustParseAddr(src).AsSlice())
	copy(b[16:], netip.MustParseAddr(dst).AsSlice())
	return append(b, payload...)
}

func TestParseHeader(t *testing.T) {
	h, ok := parseHeader(echoPacket("10.0.0.1", "10.0.0.2"))
	if !ok || !h.probe || h.proto != "icmp" || h.dst.String() != "10.0.0.2" {
		t.Errorf("echo: %+v %v", h, ok)
	}
	if h, _ := parseHeader(synSegmentPacket(t, "10.0.0.1", "10.0.0.2", 61002, 80)); !h.probe || h.dstPort != 80 || h.proto != "tcp" {
		t.Errorf("probe SYN: %+v", h)
	}
	if h, _ := parseHeader(synSegmentPacket(t, "10.0.0.1", "10.0.0.2", 80, 61002)); !h.probe || h.srcPort != 80 {
		t.Errorf("probe SYN from a port of its own: %+v", h)
	}
	if h, _ := parseHeader(synSegmentPacket(t, "10.0.0.1", "10.0.0.2", 40000, 80)); h.probe {
		t.Errorf("user's SYN: %+v", h)
	}
	frag := synSegmentPacket(t, "10.0.0.1", "10.0.0.2", 4000, 80)
	frag[7] = 8 // a later fragment
	if h, _ := parseHeader(frag); h.dstPort != 0 {
		t.Errorf("fragment: %+v", h)
	}
	v6 := make([]byte, 48, 60)
	v6[0], v6[6], v6[40] = 0x60, 0, protoUDP // hop-by-hop, then UDP
	v6[23], v6[39] = 1, 2
	v6 = append(v6, 0, 53, 1, 0)
	if h, ok := parseHeader(v6); !ok || h.proto != "udp" || h.srcPort != 53 || h.dstPort != 256 || h.dst.String() != "::2" {
		t.Errorf("IPv6: %+v %v", h, ok)
	}
}

func FuzzParseHeader(f *testing.F) {
	f.Add(echoPacket("10.0.0.1", "10.0.0.2"))
	f.Add([]byte{0x60, 0, 0, 0, 0, 0, 44})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := parseHeader(b)
		if ok && (!h.src.IsValid() || !h.dst.IsValid()) {
			t.Fatalf("%+v", h)
		}
		var p pipeline
		p.add(effect{out: &action{delay: 1}, in: &action{loss: 1}})
		p.add(effect{out: &action{twice: 1, damaged: 1, order: ordering{.5, 1, 1}, link: link{8000, time.Second}}, tag: 1})
		p.judge(b, dirOut, time.Now())
		p.judge(b, dirIn, time.Now())
		echoReply(false, 1, b)
		echoReply(true, 1, b)
		synAnswer(false, endpoint{port: 80}, b)
		synAnswer(true, endpoint{local: 80}, b)
		dnsAnswer(b)
		for _, method := range []string{methodICMP, methodSYN} {
			for _, v6 := range []bool{false, true} {
				to := endpoint{addr: netip.MustParseAddr("10.0.0.2"), port: 80}
				if v6 {
					to.addr = netip.MustParseAddr("fd00::2")
				}
				_, answer := train(probeRun{method: method, to: to}, 1, to.addr)
				answer(b)
				if good := intact(method, v6, to.addr, to.addr); good != nil {
					good(b)
				}
			}
		}
		if ok {
			for _, f := range fragments(b, 576) {
				if len(f) > 576 {
					t.Fatalf("a fragment of %d bytes", len(f))
				}
			}
		}
	})
}

func TestSynChecksum(t *testing.T) {
	b := synSegment(netip.MustParseAddrPort("10.0.0.1:61001"), netip.MustParseAddrPort("10.0.0.2:80"), 5)
	pseudo := sum(0, []byte{10, 0, 0, 1, 10, 0, 0, 2}) + protoTCP + uint32(len(b))
	if checksum(pseudo, b) != 0 {
		t.Error("the checksum does not check")
	}
	answer := make([]byte, 20)
	copy(answer, []byte{0, 80, 61001 >> 8, 61001 & 0xff, 0, 0, 0, 0, 0xfa, 0x17, 0, 6})
	answer[13] = 0x12
	if i, ok := synAnswer(true, endpoint{port: 80}, answer); !ok || i != 5 {
		t.Errorf("answer %d %v", i, ok)
	}
	copy(answer, []byte{61001 >> 8, 61001 & 0xff, 0, 80}) // from the port that was asked, to the target's own
	if i, ok := synAnswer(true, endpoint{local: 80}, answer); !ok || i != 5 {
		t.Errorf("answer to a port of its own: %d %v", i, ok)
	}
	if _, ok := synAnswer(true, endpoint{local: 81}, answer); ok {
		t.Error("what comes to another port is taken for an answer")
	}
}
