package agent

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// usersPacket is a packet of a target's own.
func usersPacket(bytes int) []byte {
	s := segment{from: netip.MustParseAddrPort("10.0.0.1:4000"), to: netip.MustParseAddrPort("10.0.0.2:80"), flags: flagACK, data: bytes - 40}
	return s.packet()
}

// The same seed does the same to the same packets, and another something else.
func TestDisturbancesRepeat(t *testing.T) {
	for _, a := range []action{{twice: .3}, {damaged: .3}, {order: ordering{.3, 1, time.Second}}} {
		run := func(seed uint64, probes bool) (out []verdict) {
			var p pipeline
			p.add(effect{id: "x", out: &a, seed: seed, tag: 3})
			for i := range 500 {
				if probes && i%3 == 0 {
					p.judge(echoPacket("10.0.0.1", "10.0.0.2"), dirOut, time.Time{})
					p.judge(packet4("10.0.0.1", "10.0.0.2", protoICMP, trainEcho(false, 1, i, 3, 100)), dirOut, time.Time{})
				}
				out = append(out, p.judge(usersPacket(100), dirOut, time.Time{}))
			}
			return out
		}
		want := run(7, false)
		if !reflect.DeepEqual(run(7, true), want) {
			t.Errorf("%+v: the sequence of one seed changed", a)
		}
		if reflect.DeepEqual(run(8, false), want) {
			t.Errorf("%+v: another seed gives the same", a)
		}
		n := 0
		for _, v := range want {
			if len(v.copies) == 1 || v.packet != nil || a.order.share > 0 && v.delay == 0 {
				n++
			}
		}
		if lo, hi := binomialBand(500, .3); n < lo || n > hi {
			t.Errorf("%+v: %d of 500", a, n)
		}
	}
}

// Two stages that double make four of one, and each is lost on its own.
func TestCopiesPassWhatFollows(t *testing.T) {
	var p pipeline
	p.add(effect{id: "a", out: &action{twice: 1}})
	p.add(effect{id: "b", out: &action{twice: 1}})
	p.add(effect{id: "c", out: &action{delay: time.Second}})
	v := p.judge(usersPacket(100), dirOut, time.Time{})
	if v.drop || v.delay != time.Second || len(v.copies) != 3 || v.copies[2].delay != time.Second {
		t.Errorf("%+v", v)
	}
	p.add(effect{id: "d", out: &action{loss: .5}, seed: 1})
	left := 0
	for range 1000 {
		v := p.judge(usersPacket(100), dirOut, time.Time{})
		left += len(v.copies)
		if !v.drop {
			left++
		}
	}
	if lo, hi := binomialBand(4000, .5); left < lo || left > hi {
		t.Errorf("%d of 4000 left", left)
	}
	p = pipeline{}
	p.add(effect{id: "a", out: &action{twice: 1}})
	if v := p.judge(packet4("10.0.0.1", "224.0.0.251", protoUDP, make([]byte, 8)), dirOut, time.Time{}); len(v.copies) != 0 {
		t.Error("a packet to many was doubled")
	}
	if v := p.judge(usersPacket(100)[:60], dirOut, time.Time{}); len(v.copies) != 0 {
		t.Error("a packet of which the start is known only was doubled")
	}
}

func TestDamageFlipsOneBit(t *testing.T) {
	r := newSequence(1, 0)
	hit := map[int]bool{}
	b := usersPacket(60)
	before := bytes.Clone(b)
	for range 5000 {
		d, ok := damage(b, nil, r)
		if !ok || len(d) != len(b) || !bytes.Equal(b[:20], d[:20]) {
			t.Fatalf("%v: %x", ok, d)
		}
		flipped := 0
		for i := range b {
			if x := b[i] ^ d[i]; x != 0 {
				flipped += bits.OnesCount8(x)
				hit[i*8+bits.TrailingZeros8(x)] = true
			}
		}
		if flipped != 1 {
			t.Fatalf("%d bits flipped", flipped)
		}
	}
	if len(hit) != 40*8 || !bytes.Equal(b, before) {
		t.Errorf("%d of 320 bits were ever hit; the packet itself changed: %v", len(hit), !bytes.Equal(b, before))
	}
	if _, ok := damage(b[:50], nil, r); ok {
		t.Error("a cut packet was damaged")
	}
	if _, ok := damage(packet4("10.0.0.1", "10.0.0.2", 200, nil), nil, r); ok {
		t.Error("a packet that carries nothing was damaged")
	}
}

func TestLaneKeepsItsRate(t *testing.T) {
	k := link{rate: 1_000_000, wait: 50 * time.Millisecond}
	var l lane
	start, carried := time.Now(), 0
	var last time.Duration
	for i := range 3000 { // 3 Mbit/s for a second
		at := time.Duration(i) * time.Second / 3000
		d, ok := l.carry(k, start.Add(at), 125)
		if !ok {
			continue
		}
		carried++
		if d < time.Millisecond || d > 51*time.Millisecond || at+d <= last {
			t.Fatalf("packet %d leaves %v after it came, the one before left at %v", i, at+d-last, last)
		}
		last = at + d
	}
	if carried < 1000 || carried > 1052 {
		t.Errorf("%d packets of a thousandth each in a second", carried)
	}
	if d, ok := l.carry(k, start.Add(10*time.Second), 1250); !ok || d != 10*time.Millisecond {
		t.Errorf("on an idle link: %v, %v", d, ok)
	}
}

// A link does not keep those waiting that overtake others.
func TestLinkBesideOrder(t *testing.T) {
	for _, first := range []string{"link", "order"} {
		var p pipeline
		list := []effect{{id: "link", out: &action{link: link{8_000_000, time.Second}}}, {id: "order", out: &action{order: ordering{.5, 1, time.Hour}}, seed: 1}}
		if first == "order" {
			list[0], list[1] = list[1], list[0]
		}
		p.add(list[0])
		p.add(effect{id: "other", out: &action{}})
		p.add(list[1])
		ahead, start := 0, time.Now()
		for i := range 100 {
			if v := p.judge(usersPacket(1000), dirOut, start.Add(time.Duration(i)*time.Millisecond)); v.delay == time.Millisecond {
				ahead++
			} else if v.delay != time.Hour+time.Millisecond {
				t.Fatalf("%s first: packet %d waits %v", first, i, v.delay)
			}
		}
		if lo, hi := binomialBand(100, .5); ahead < lo || ahead > hi {
			t.Errorf("%s first: %d of 100 went ahead", first, ahead)
		}
		if p.packets("order").Ahead != uint64(ahead) {
			t.Errorf("%s first: %+v", first, p.packets("order"))
		}
	}
}

// Ordinary probes are not held up, and trains only by what they are for.
func TestProbesAndTrains(t *testing.T) {
	var p pipeline
	p.add(effect{id: "r", out: &action{link: link{8000, time.Second}}, in: &action{link: link{8000, time.Second}}, tag: 2})
	p.add(effect{id: "o", out: &action{order: ordering{1e-9, 1, time.Hour}}, tag: 3})
	p.add(effect{id: "l", out: &action{delay: time.Minute}})
	if v := p.judge(echoPacket("10.0.0.1", "10.0.0.2"), dirOut, time.Time{}); v.delay != time.Minute {
		t.Errorf("a probe waits %v", v.delay)
	}
	from, to := netip.MustParseAddr("10.0.0.1"), endpoint{addr: netip.MustParseAddr("10.0.0.2"), port: 80}
	for tag, want := range map[byte]time.Duration{2: 100 * time.Millisecond, 3: time.Hour, 4: 0} {
		for _, method := range []string{methodICMP, methodSYN} {
			question, _ := train(probeRun{method: method, to: to, train: tag, bytes: 72}, 1, from)
			proto := byte(protoICMP)
			if method == methodSYN {
				proto = protoTCP
			}
			b := packet4("10.0.0.1", "10.0.0.2", proto, question(5))
			binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
			p.stages[0].trains = [2]lane{}
			if v := p.judge(b, dirOut, time.Now()); v.delay != want {
				t.Errorf("tag %d by %s waits %v, want %v", tag, method, v.delay, want)
			}
		}
	}
	// What answers a SYN counts as much, and a reset after it is no part of the train.
	_, answer := train(probeRun{method: methodSYN, to: to, train: 2, bytes: 72}, 1, from)
	reply := segment{from: netip.AddrPortFrom(to.addr, 80), to: netip.AddrPortFrom(from, synPorts+5), ack: trainMagic<<16 | 2<<12 + 73, flags: flagACK | flagRST}
	p.stages[0].trains = [2]lane{}
	if v := p.judge(reply.packet(), dirIn, time.Now()); v.delay != 100*time.Millisecond {
		t.Errorf("an answer waits %v", v.delay)
	}
	if i, ok := answer(packet4("10.0.0.2", "10.0.0.1", protoTCP, reply.bytes())); !ok || i != 5 {
		t.Errorf("an answer is to %d, %v", i, ok)
	}
	own := segment{from: netip.AddrPortFrom(from, synPorts+5), to: netip.AddrPortFrom(to.addr, 80), seq: trainMagic<<16 | 2<<12 + 1, flags: flagRST}
	if h, _ := parseHeader(own.packet()); !h.probe || h.train != 0 {
		t.Errorf("our reset: %+v", h)
	}
}

// What waits for long on its way out is told apart from what waits for its turn on a
// link, and a copy that stands for it is like it.
func TestWhatWaitsForLong(t *testing.T) {
	const delay = 50 * time.Millisecond
	slow := action{link: link{rate: 8000, wait: time.Minute}}
	for _, tt := range []struct {
		name string
		e    effect
		dir  int
		want bool
	}{
		{"a delay", effect{out: &action{delay: delay}}, dirOut, true},
		{"a short one", effect{out: &action{delay: bridged}}, dirOut, false},
		{"jitter", effect{out: &action{delay: delay, jitter: delay / 2}}, dirOut, true},
		{"an order", effect{out: &action{order: ordering{share: 1e-9, gap: 1, delay: delay}}}, dirOut, true},
		{"on arrival", effect{in: &action{delay: delay}}, dirIn, false},
		{"a link", effect{out: &slow}, dirOut, false},
		{"datagrams", effect{out: &action{delay: delay}, match: match{proto: "udp"}}, dirOut, false},
	} {
		var p pipeline
		p.add(tt.e)
		v := p.judge(usersPacket(100), tt.dir, time.Time{})
		if v.long != tt.want {
			t.Errorf("%s: %v", tt.name, v.long)
		}
		if charges := tt.e.charges(); tt.want != charges {
			t.Errorf("%s: charges: %v", tt.name, charges)
		}
	}
	v := verdict{flight: flight{delay: delay, long: true, packet: []byte{1}}, copies: []flight{{delay: 2 * delay}}}
	v.replace()
	if !v.drop || len(v.copies) != 2 || v.copies[0].drop || v.copies[0].delay != delay || v.copies[0].packet == nil {
		t.Errorf("replaced as %+v", v)
	}
}
