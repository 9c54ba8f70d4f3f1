package agent

import (
	"context"
	"fmt"
	"time"
)

// takenTrained proves that the effect is gone.
func (f *packetFault) takenTrained(ctx context.Context) error {
	var last error
	for try := range attempts {
		if try > 0 && !pause(ctx, 200*time.Millisecond) {
			break
		}
		run := f.train()
		if f.effect.link().rate > 0 {
			run.interval >>= try // a machine that was late to send is pressed harder
		}
		res, err := f.space.probe(ctx, run)
		if err != nil {
			return err
		}
		if len(res.came) < 2 {
			return errorf(NoProbe, "not measured again: %s does not answer any more", f.route.to)
		}
		saw, err := f.absent(res)
		if err == nil {
			f.see(res, saw)
			return nil
		}
		last = err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return last
}

// absent tells whether a train shows that the effect is gone. A link is not there when
// answers come more quickly than it would carry them, or when more is sent than that and
// nothing has to wait.
func (f *packetFault) absent(res probeResult) (saw string, err error) {
	if l := f.effect.link(); l.rate > 0 {
		enough, carried, asked := excess*float64(l.rate), f.carried(res), f.asked(res)
		saw = fmt.Sprintf("%d of %d probes were answered at %s", len(res.came), res.sent, bitRate(carried))
		switch {
		case carried >= enough:
			return saw, nil
		case f.pressed(res):
			return "", errorf(Unproved, "effect still seen at %s after taking it away: %s", f.route.to, saw)
		case asked >= enough:
			return saw, nil
		}
		return "", errorf(Unmeasurable, "not measured again: this machine sends probes to %s at %s only", f.route.to, bitRate(asked))
	}
	for _, e := range f.space.effects() {
		if e.kernel && e.order().share > 0 && e.match.matches(f.route.to, protoOf(f.route.method)) {
			return "", errorf(Unmeasurable, "not measured again: another fault reorders what goes to %s or comes from there", f.route.to)
		}
	}
	lo, _ := f.overtakings(f.effect.order(), len(res.came)-1)
	n := overtaken(res)
	saw = fmt.Sprintf("%d of %d answers overtook the one before", n, len(res.came))
	if n > 0 && n >= lo {
		return "", errorf(Unproved, "effect still seen at %s after taking it away: %s", f.route.to, saw)
	}
	return saw, nil
}

// see keeps what a train saw without the effect.
func (f *packetFault) see(res probeResult, saw string) {
	m := measurement(f.route, res, median(f.bare.rtts), outlook{})
	m.LossBand, m.Saw = [2]float64{0, 100}, saw
	f.See(m)
}
