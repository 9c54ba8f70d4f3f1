package agent

import "time"

// passage is what loses, damages or doubles a packet at one place on its way. Damage is
// like loss to whoever waits for an answer: the next to look at the checksum drops it.
type passage struct {
	lose, damage, twice float64 // shares, 0 to 1
	kernel              bool    // all of it in one netem
}

// passages lists where a probe and its answer are lost or doubled: out through the
// queue and then netem, and back through netem and then the queue.
type passages struct{ out, back []passage }

func (p *passages) add(e effect, a *action, in, silenced bool, noticed float64) {
	s := passage{a.loss, a.damaged, a.twice, e.kernel}
	if e.kernel {
		s.damage *= noticed
	}
	if silenced {
		s.lose = 1
	}
	list := &p.out
	if in {
		list = &p.back
	}
	if e.kernel {
		for i, o := range *list {
			if o.kernel {
				(*list)[i] = passage{1 - (1-o.lose)*(1-s.lose), 1 - (1-o.damage)*(1-s.damage), 1 - (1-o.twice)*(1-s.twice), true}
				return
			}
		}
	}
	*list = append(*list, s)
}

// way is all of them in order.
func (p *passages) way() []passage {
	var out []passage
	pick := func(list []passage, kernel bool) {
		for _, s := range list {
			if s.kernel == kernel {
				out = append(out, s)
			}
		}
	}
	pick(p.out, false)
	pick(p.out, true)
	pick(p.back, true)
	pick(p.back, false)
	return out
}

// answers gives the chances that a probe has no answer, and that it has several. Packets
// multiply and vanish as in a branching process: with g the generating function of how
// many leave a passage for one that enters, that of the whole way is g1(g2(...gk(x)))
// (Watson and Galton 1875). Its value at 0 is the chance of none, its slope of one.
func answers(way []passage) (none, several float64) {
	x, slope, copied := 0.0, 1.0, false
	for i := len(way) - 1; i >= 0; i-- {
		p, q, c := way[i].lose, way[i].twice, way[i].damage
		copied = copied || q > 0
		x, slope = c+(1-c)*x, (1-c)*slope
		if !way[i].kernel {
			x, slope = (1-q)*x+q*x*x, ((1-q)+2*q*x)*slope
			x, slope = p+(1-p)*x, (1-p)*slope
			continue
		}
		// A netem that draws both a copy and a loss sends the packet alone; the copy
		// it makes passes it again, and is lost on its own.
		one, d := p+(1-p)*x, 1-p
		x, slope = (1-q)*one+q*(p*x+(1-p)*x*one), ((1-q)*d+q*(p+(1-p)*(one+x*d)))*slope
	}
	if !copied {
		return x, 0 // and not what rounding leaves
	}
	return x, max(0, 1-x-slope)
}

// noticed is the share of the bits that netem flips in a probe that somebody notices. It
// flips any bit of a frame. Of what goes out nobody looks at the sender's hardware
// address again; of what has come in nobody looks at the header of Ethernet any more.
func noticed(in, v6 bool, proto string) float64 {
	const ethernet, address = 14, 6
	frame := float64(ethernet + map[string]int{"icmp": 84, "tcp": 40, "udp": 45}[proto])
	ignored := float64(address)
	if in {
		ignored = ethernet
	}
	if v6 {
		frame += 20
		ignored += 4.5 // class, flow label, hop limit: no checksum covers them
	}
	return 1 - ignored/frame
}

// disturbance is how far an order or a link may hold back a probe that they concern:
// the queue leaves the agent's probes alone, other than lookups.
func disturbance(e effect, a *action, proto string) time.Duration {
	if !e.kernel && proto != "udp" {
		return 0
	}
	return a.order.delay + a.link.wait
}

// probeBytes is about how large a probe is on the wire.
const probeBytes = 100

// pace is the least time between probes that do not fill a link.
func pace(e effect, a *action, proto string) time.Duration {
	if a.link.rate == 0 || !e.kernel && proto != "udp" {
		return 0
	}
	return a.link.time(probeBytes)
}
