package agent

import (
	"net/netip"
	"time"
)

// outlook is what a probe should meet on its way out and back.
type outlook struct {
	delay   time.Duration // median, both ways together
	jitter  time.Duration // largest deviation from it
	spreads delays        // what the delay may be; nil without jitter
	loss    float64       // 0 to 1, both ways together
	spread  float64       // how many times the variance of single losses theirs is; at least 1
}

// expect adds up what the effects do to a probe of proto to addr and port.
func expect(effects []effect, addr netip.Addr, port uint16, proto string) outlook {
	o := outlook{spread: 1}
	keep := 1.0
	for _, e := range effects {
		if !e.match.matches(addr, port, proto) {
			continue
		}
		for _, a := range []*action{e.out, e.in} {
			if a != nil {
				if d := a.delays(); d != nil {
					o.spreads = o.spreads.plus(d)
				} else {
					o.delay += a.delay
				}
				keep *= 1 - a.loss
				o.spread += a.spread() - 1
				if e.silences(proto) {
					keep = 0
				}
			}
		}
	}
	o.loss = 1 - keep
	if d := o.spreads.shift(o.delay); d != nil {
		o.delay = d.middle()
		o.jitter = max(d[len(d)-1]-o.delay, o.delay-d[0])
	}
	return o
}

// at is the delay that a share p of the probes, 0 to 1, does not exceed.
func (o outlook) at(p float64) time.Duration {
	if o.spreads == nil {
		return o.delay
	}
	return o.spreads.at(p)
}
