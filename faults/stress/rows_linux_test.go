package stress

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"faultlab/faults"
)

// claim is what a fault that is active must do to a user of the target.
type claim struct {
	fault   faults.Fault
	peer    faults.Peer
	delay   time.Duration // added to a round trip, on average
	jitter  time.Duration // of the sum of both ways
	loss    float64       // of round trips
	burst   float64
	dead    bool          // no datagram is answered
	tcp     []string      // how asking by TCP may end; nil: answered
	pause   bool          // nothing inside answers
	copies  float64       // answers to a datagram that gets through; 0: one
	hold    time.Duration // what some packets wait, and others do not
	inside  func(pid int) error
	carry   func(pid int) error // like inside, where connections to the peer are left alone otherwise
	unknown bool                // there is no row for the kind: what it does is not looked at
}

func (c claim) concerns(to, proto string) bool {
	return (len(c.peer.Addresses) == 0 || slices.Contains(c.peer.Addresses, to)) && (c.peer.Protocol == "" || c.peer.Protocol == proto)
}

func (c claim) silences() int {
	if c.dead {
		return 1
	}
	return 0
}

// row draws a fault of one kind and says what a user must feel.
type row struct {
	kind string
	draw func(r *rand.Rand, s *scene) claim
}

var directions = []faults.Direction{"", faults.Out, faults.In, faults.Both}

func pick[T any](r *rand.Rand, of []T) T { return of[r.IntN(len(of))] }

func (s *scene) drawPeer(r *rand.Rand) faults.Peer {
	switch r.IntN(4) {
	case 0:
		return faults.Peer{}
	case 1:
		return faults.Peer{Addresses: []string{s.peer}, Protocol: "tcp", Port: tcpPort}
	}
	return faults.Peer{Addresses: []string{s.peer}}
}

// ways is how often a round trip meets a fault.
func ways(d faults.Direction) int {
	if d == faults.Both {
		return 2
	}
	return 1
}

// packetRows are the kinds that a user in the target's network feels.
var packetRows = present([]row{
	{"latency", func(r *rand.Rand, s *scene) claim {
		f := faults.Latency{Delay: time.Duration(5+r.IntN(75)) * time.Millisecond, Direction: pick(r, directions), RTT: r.IntN(3) == 0, Peer: s.drawPeer(r)}
		if r.IntN(3) == 0 {
			f.Jitter = f.Delay / time.Duration(2+r.IntN(4))
		}
		delay, jitter := f.OneWay()
		n := time.Duration(ways(f.Direction))
		return claim{fault: f, peer: f.Peer, delay: n * delay, jitter: n * jitter}
	}},
	{"loss", func(r *rand.Rand, s *scene) claim {
		f := faults.PacketLoss{Percent: float64(20 + r.IntN(40)), Direction: pick(r, directions), Peer: s.drawPeer(r), Seed: uint64(r.IntN(1000))}
		f.Peer.Protocol, f.Peer.Port = "", 0
		switch r.IntN(4) {
		case 0:
			f.Burst = 2.5 + float64(r.IntN(3))/2
		case 1:
			f.Exact = true
		}
		pass := 1 - f.Percent/100
		if f.Direction == faults.Both {
			pass *= pass
		}
		return claim{fault: f, peer: f.Peer, loss: 1 - pass, burst: f.Burst}
	}},
	{"black-hole", func(r *rand.Rand, s *scene) claim {
		f := faults.BlackHole{Direction: pick(r, directions), Peer: s.drawPeer(r)}
		return claim{fault: f, peer: f.Peer, dead: true, tcp: []string{silent}}
	}},
	{"partition", func(r *rand.Rand, s *scene) claim {
		f := faults.Partition{Peer: faults.Peer{Addresses: []string{s.peer}}}
		return claim{fault: f, peer: f.Peer, dead: true, tcp: []string{silent}}
	}},
	{"reject", func(r *rand.Rand, s *scene) claim {
		f := faults.Reject{Answer: pick(r, []faults.Answer{"", faults.AnswerReset, faults.AnswerPort, faults.AnswerHost, faults.AnswerAdmin}),
			Direction: pick(r, directions), Peer: s.drawPeer(r)}
		c := claim{fault: f, peer: f.Peer, dead: true, tcp: []string{refused}}
		if f.Direction == faults.In { // the peer is the one who is refused
			c.tcp = []string{silent, refused}
		}
		return c
	}},
	{"reset", func(r *rand.Rand, s *scene) claim {
		f := faults.Reset{Direction: pick(r, directions), Peer: s.drawPeer(r)}
		if f.Direction == faults.In && f.Peer.Port == 0 { // the library finds no data of the peer's to prove it with
			f.Peer = faults.Peer{Addresses: []string{s.peer}, Protocol: "tcp", Port: tcpPort}
		}
		c := claim{fault: f, peer: f.Peer, tcp: []string{wasReset}}
		c.peer.Protocol = "tcp"
		return c
	}},
	{"duplicate", drawDuplicate},
	{"corrupt", drawCorrupt},
	{"reorder", drawReorder},
	{"rate", drawRate},
})

// present are the rows of kinds that the library has.
func present(rows []row) []row {
	return slices.DeleteFunc(rows, func(r row) bool {
		return !slices.ContainsFunc(faults.Kinds(), func(k faults.KindInfo) bool { return k.Kind == r.kind })
	})
}

func hasRow(kind string) bool {
	has := func(r row) bool { return r.kind == kind }
	return slices.ContainsFunc(packetRows, has) || slices.ContainsFunc(processRows, has)
}

// otherKinds are the kinds of the library's table without a row here, with fitting values.
func otherKinds() (out []faults.Fault, err error) {
	for _, k := range faults.Kinds() {
		if hasRow(k.Kind) {
			continue
		}
		var params []string
		for _, p := range k.Params {
			if v := k.Example(p.Name); v != "" {
				params = append(params, p.Name+"="+v)
			}
		}
		f, err := faults.Parse(k.Kind, params)
		if err != nil {
			return nil, fmt.Errorf("no row here, and no fitting values: %s: %w", k.Kind, err)
		}
		out = append(out, f)
	}
	return out, nil
}
