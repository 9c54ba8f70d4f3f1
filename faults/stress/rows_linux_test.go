package stress

import (
	"math/rand/v2"
	"slices"
	"time"

	"faultlab/faults"
)

var directions = []faults.Direction{"", faults.Out, faults.In, faults.Both}

func (s *scene) drawPeer(r *rand.Rand) faults.Peer {
	switch r.IntN(4) {
	case 0:
		return faults.Peer{}
	case 1:
		return faults.Peer{Addresses: []string{s.peer}, Protocol: "tcp", Port: tcpPort}
	}
	return faults.Peer{Addresses: []string{s.peer}}
}

// drawSeed draws the seed of a fault; 0 is none.
func (s *scene) drawSeed(r *rand.Rand) uint64 {
	if seed := r.Uint64N(1000); !s.unseeded {
		return seed
	}
	return 0
}

// ways is how often a round trip meets a fault.
func ways(d faults.Direction) int {
	if d == faults.Both {
		return 2
	}
	return 1
}

// packetRows are the kinds that a user in the target's network feels.
var packetRows = slices.Concat(netemRows, endingRows)

// netemRows are those that netem carries.
var netemRows = []row{
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
		f := faults.PacketLoss{Percent: float64(20 + r.IntN(40)), Direction: pick(r, directions), Peer: s.drawPeer(r), Seed: s.drawSeed(r)}
		f.Peer.Protocol, f.Peer.Port = "", 0
		switch r.IntN(4) {
		case 0:
			f.Burst = 2.5 + float64(r.IntN(3))/2
		case 1:
			f.Exact = !s.unseeded
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
	{"duplicate", drawDuplicate},
	{"corrupt", drawCorrupt},
	{"reorder", drawReorder},
	{"rate", drawRate},
}

// endingRows are those that end traffic by rules.
var endingRows = []row{
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
}
