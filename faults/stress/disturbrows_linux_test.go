package stress

import (
	"fmt"
	"math/rand/v2"
	"time"

	"faultlab/faults"
)

// made is a fault of a kind from its parameters as they are typed.
func made(kind string, params ...string) faults.Fault {
	f, err := faults.Parse(kind, params)
	if err != nil {
		panic(err) // a row is wrong
	}
	return f
}

// drawShare draws what faults on a share of the packets have in common. Ports are left
// out: datagrams are looked at.
func drawShare(r *rand.Rand, s *scene, least, most int) (params []string, peer faults.Peer, share float64, n int) {
	peer, d, percent := s.drawPeer(r), pick(r, directions), least+r.IntN(most-least)
	peer.Protocol, peer.Port = "", 0
	params = []string{fmt.Sprint("percent=", percent), fmt.Sprint("seed=", s.drawSeed(r))}
	if d != "" {
		params = append(params, "direction="+string(d))
	}
	for _, a := range peer.Addresses {
		params = append(params, "peer.addresses="+a)
	}
	return params, peer, float64(percent) / 100, ways(d)
}

func drawDuplicate(r *rand.Rand, s *scene) claim {
	params, peer, share, n := drawShare(r, s, 20, 80)
	c := claim{fault: made("duplicate", params...), peer: peer, copies: 1 + share}
	if n == 2 {
		c.copies *= c.copies
	}
	return c
}

// What is damaged is dropped where it arrives.
func drawCorrupt(r *rand.Rand, s *scene) claim {
	params, peer, share, n := drawShare(r, s, 20, 60)
	pass := 1 - share
	if n == 2 {
		pass *= pass
	}
	return claim{fault: made("corrupt", params...), peer: peer, loss: 1 - pass}
}

func drawReorder(r *rand.Rand, s *scene) claim {
	params, peer, _, n := drawShare(r, s, 20, 60)
	delay := time.Duration(10+r.IntN(40)) * time.Millisecond
	return claim{fault: made("reorder", append(params, "delay="+delay.String())...), peer: peer, hold: time.Duration(n) * delay}
}

// drawRate draws a link that is narrow for a block of data and wide enough for the rest.
func drawRate(r *rand.Rand, s *scene) claim {
	const block = 1 << 20
	bits := (10 + r.IntN(20)) * 1_000_000
	d := pick(r, directions)
	params := []string{fmt.Sprint("bits_per_second=", bits), "peer.addresses=" + s.peer}
	if d != "" {
		params = append(params, "direction="+string(d))
	}
	what := "take"
	if d == faults.In {
		what = "give"
	}
	return claim{fault: made("rate", params...), peer: faults.Peer{Addresses: []string{s.peer}}, carry: func(pid int) error {
		least := time.Duration(float64(block*8) / float64(bits) * 0.8 * float64(time.Second))
		took, err := transfer(pid, s.peer, what, block, 20*time.Second)
		if err == nil && took < least {
			err = fmt.Errorf("%s %d bytes took %v; want %v at least", what, block, took, least)
		}
		return err
	}}
}
