package agent

import (
	"hash/fnv"
	"slices"
	"time"

	"faultlab/faults"
)

// ordering lets some packets overtake others, as netem does: all are held back but a
// share of those that may go ahead, which each gap-th may.
type ordering struct {
	share float64 // 0 to 1; 0: packets stay in order
	gap   int     // at least 1
	delay time.Duration
}

// link is a link that carries only so much.
type link struct {
	rate int64         // bits per second; 0: it carries everything
	wait time.Duration // the longest for a packet's turn
}

// disturb fills in what faults other than delays and losses do to a packet.
func (a *action) disturb(f faults.Fault, seed *uint64) (dir faults.Direction, peer faults.Peer, err error) {
	var own uint64
	switch f := f.(type) {
	case faults.Rate:
		a.link = link{f.BitsPerSecond, f.Wait()}
		dir, peer = f.Direction, f.Peer
	case faults.Duplicate:
		a.twice = f.Percent / 100
		dir, peer, own = f.Direction, f.Peer, f.Seed
	case faults.Corrupt:
		a.damaged = f.Percent / 100
		dir, peer, own = f.Direction, f.Peer, f.Seed
	case faults.Reorder:
		a.order = ordering{f.Percent / 100, max(f.Gap, 1), f.Delay}
		dir, peer, own = f.Direction, f.Peer, f.Seed
	default:
		return "", faults.Peer{}, errNotPackets
	}
	if own != 0 {
		*seed = own
	}
	return dir, peer, nil
}

// draws reports whether disturbing packets takes random numbers.
func (a *action) draws() bool {
	return a.twice > 0 && a.twice < 1 || a.damaged > 0 || a.order.share > 0 && a.order.share < 1
}

// whole reports whether all of a packet must be seen, not only its start.
func (a *action) whole() bool { return a.twice > 0 || a.damaged > 0 }

// trained reports whether the effect is proved by trains of probes: by what becomes of
// packets that follow one another.
func (a *action) trained() bool { return a.order.share > 0 || a.link.rate > 0 }

// ahead is the share of the packets that go ahead in a long series: after gap-1 that
// are held back each has its chance, so that one goes in gap-1+1/share.
func (o ordering) ahead() float64 { return 1 / (float64(o.gap-1) + 1/o.share) }

// maxTag is the largest tag that four bits hold.
const maxTag = 15

// freeTag gives a tag that none of the effects has, as long as there is one. Where to
// begin is left to the id, so that agents at both ends of a path seldom take the same.
func freeTag(effects []effect, id string) byte {
	h := fnv.New32a()
	h.Write([]byte(id))
	tag := func(i uint32) byte { return byte((h.Sum32()%maxTag+i)%maxTag) + 1 }
	for i := range uint32(maxTag) {
		if !slices.ContainsFunc(effects, func(e effect) bool { return e.tag == tag(i) }) {
			return tag(i)
		}
	}
	return tag(0)
}

// fullPacket is about what a full packet on an Ethernet carries besides its headers.
const fullPacket = 1400

// trainBytes is how large the packets of the train are that proves a rate: about 10 ms
// of the link's time each, where packets can be so large or so small.
func (l link) trainBytes() int { return int(min(max(l.rate/8/100, 100), fullPacket)) }

// time is how long the link takes to carry so many bytes.
func (l link) time(bytes int) time.Duration {
	return time.Duration(float64(bytes) * 8 / float64(l.rate) * float64(time.Second))
}

// either is what the effect does to packets, in whatever direction.
func (e effect) either() *action {
	switch {
	case e.out != nil:
		return e.out
	case e.in != nil:
		return e.in
	}
	return &action{}
}

func (e effect) link() link      { return e.either().link }
func (e effect) order() ordering { return e.either().order }
