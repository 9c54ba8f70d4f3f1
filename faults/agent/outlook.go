package agent

import "time"

// outlook is what a probe should meet on its way out and back.
type outlook struct {
	delay   time.Duration // median, both ways together
	jitter  time.Duration // largest deviation from it
	spreads delays        // what the delay may be; nil without jitter
	loss    float64       // 0 to 1, both ways together
	spread  float64       // how many times the variance of single losses theirs is; at least 1
	twice   float64       // share that is answered more than once, 0 to 1
	damaged bool          // some of the loss is damage
	pace    time.Duration // least time between probes
}

// expect adds up what the effects do to a probe of proto.
func expect(effects []effect, to endpoint, proto string) outlook {
	o := outlook{spread: 1}
	var lost passages
	disturbed := time.Duration(0)
	for _, e := range effects {
		if !e.match.matches(to, proto) {
			continue
		}
		for dir, a := range []*action{e.out, e.in} {
			if a != nil {
				if d := a.delays(); d != nil {
					o.spreads = o.spreads.plus(d)
				} else {
					o.delay += a.delay
				}
				lost.add(e, a, dir == dirIn, e.silences(proto), noticed(dir == dirIn, to.addr.Is6(), proto))
				o.spread += a.spread() - 1
				disturbed += disturbance(e, a, proto)
				o.damaged = o.damaged || a.damaged > 0
				o.pace = max(o.pace, pace(e, a, proto))
			}
		}
	}
	o.loss, o.twice = answers(lost.way())
	if d := o.spreads.shift(o.delay); d != nil {
		o.delay = d.middle()
		o.jitter = max(d[len(d)-1]-o.delay, o.delay-d[0])
	}
	o.jitter += disturbed
	return o
}

// at is the delay that a share p of the probes, 0 to 1, does not exceed.
func (o outlook) at(p float64) time.Duration {
	if o.spreads == nil {
		return o.delay
	}
	return o.spreads.at(p)
}
