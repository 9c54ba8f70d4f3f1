package agent

import (
	"context"
	"fmt"
	"time"
)

// refusalResult is what a series of probes met.
type refusalResult struct {
	sent, refused, answered int
	how                     string // the last refusal
}

// refusalRun is a series of questions to the first address that the effect concerns.
func (f *cutFault) refusalRun() (probeRun, error) {
	list, err := f.addresses(true)
	if err != nil {
		return probeRun{}, err
	}
	m := f.effect.match
	for _, to := range list {
		method, to, err := methodFor(m, to)
		if err != nil {
			// Any port will do: what is refused here reaches nobody.
			method, to.port = methodDNS, m.port
		}
		if !m.matches(to, protoOf(method)) {
			continue
		}
		o := expect(f.space.effects(), to, protoOf(method))
		return probeRun{method: method, to: to, count: cutProbes, wait: o.delay + o.jitter + 300*time.Millisecond}, nil
	}
	return probeRun{}, &Error{Code: NoProbe, Message: "no address to probe: none known that the fault concerns", Remedy: "name probe addresses inside the peer"}
}

// unrefused asks once without the fault: a peer may refuse by itself.
func (f *cutFault) unrefused(ctx context.Context) (refusalResult, error) {
	run, err := f.refusalRun()
	if err != nil || run.method == methodDNS && run.to.port != 53 {
		return refusalResult{}, err
	}
	run.count, run.wait = 1, 150*time.Millisecond // a refusal by itself that is slower is taken for none
	return f.space.refusals(ctx, run)
}

func (f *cutFault) proveRefused(ctx context.Context) (*Measurement, error) {
	run, err := f.refusalRun()
	if err != nil {
		return nil, err
	}
	f.routes = []route{{method: run.method, to: run.to}}
	var res refusalResult
	m := &Measurement{Method: run.method, Address: run.to.String()}
	for range attempts {
		counted := f.Packets().Hit
		if res, err = f.space.refusals(ctx, run); err != nil {
			return nil, err
		}
		counted = f.Packets().Hit - counted
		m.Probes, m.Lost = res.sent, res.sent-res.answered-res.refused
		m.LossPercent = 100 * float64(m.Lost) / float64(max(res.sent, 1))
		m.LossBand[1] = 100 * expect(f.space.effects(), endpoint{}, "").loss
		m.Saw = fmt.Sprintf("%d of %d probes of %s were refused (%s); %d packets refused", res.refused, res.sent, run.to, res.how, counted)
		// Where another fault loses packets, one refusal is as good as all.
		if res.refused > 0 && res.answered == 0 && counted >= uint64(res.refused) {
			return m, nil
		}
	}
	return m, errorf(Unproved, "%d of %d probes of %s were refused, %d answered (%s)", res.refused, res.sent, run.to, res.answered, run.method)
}

func (f *cutFault) proveNotRefused(ctx context.Context) error {
	r := f.routes[0]
	if r.method == methodDNS && r.to.port != 53 {
		return errorf(Unmeasurable, "not measured again: udp port %s is not probed without the fault", r.to)
	}
	var res refusalResult
	for try := range attempts {
		if try > 0 && !pause(ctx, 100*time.Millisecond) {
			break
		}
		o := r.expect(f.space.effects())
		run := probeRun{method: r.method, to: r.to, count: 3, wait: 100*time.Millisecond + o.delay}
		var err error
		if res, err = f.space.refusals(ctx, run); err != nil {
			return err
		}
		switch {
		case res.refused == 0 && res.answered == 0 && o.loss == 1:
			return hidden(r.to)
		case res.refused == 0 || f.before.refused > 0:
			f.See(&Measurement{Method: r.method, Address: r.to.String(), Probes: res.sent,
				Saw: fmt.Sprintf("%d of %d probes of %s were refused, %d answered; %d were refused before the fault", res.refused, res.sent, r.to, res.answered, f.before.refused)})
			return nil
		}
		for _, e := range f.space.effects() {
			if e.cut == cutRefuse && e.match.matches(r.to, protoOf(r.method)) {
				return hidden(r.to)
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errorf(Unproved, "%d of %d probes of %s are still refused (%s)", res.refused, res.sent, r.to, res.how)
}
