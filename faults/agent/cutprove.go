package agent

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"faultlab/faults/agent/carrier"
)

const (
	cutProbes   = 8
	cutInterval = 3 * time.Millisecond
)

func (f *cutFault) Place(ctx context.Context) (carrier.Placed, error) {
	var p carrier.Placed
	refuses := f.effect.cut == cutRefuse && f.effect.out != nil
	err := error(nil)
	if f.effect.cut == cutDrop || f.effect.cut == cutRefuse && !refuses {
		if err = f.findRoutes(ctx); err != nil {
			return p, err
		}
	}
	if refuses {
		if f.before, err = f.unrefused(ctx); err != nil {
			return p, err
		}
	}
	if p.Backend, err = f.space.install(f.effect); err != nil {
		return p, err
	}
	switch {
	case f.effect.cut == cutReset:
		p.Measured, err = f.proveResets(ctx)
	case refuses:
		p.Measured, err = f.proveRefused(ctx)
	default:
		p.Measured, err = f.proveSilent(ctx)
	}
	return p, err
}

func (f *cutFault) Take(ctx context.Context) error {
	if err := f.space.uninstall(f.effect.id); err != nil {
		return err
	}
	switch {
	case f.effect.cut == cutReset:
		return f.proveNoResets(ctx)
	case f.effect.cut == cutRefuse && f.effect.out != nil:
		return f.proveNotRefused(ctx)
	}
	return f.proveAnswers(ctx)
}

// findRoutes finds who answers among those to be cut off and, for a partition, among the others.
func (f *cutFault) findRoutes(ctx context.Context) error {
	list, err := f.addresses(true)
	if err != nil {
		return err
	}
	var why error
	if f.routes, why = f.answering(ctx, f.effect, list); len(f.routes) == 0 {
		return why
	}
	if !f.apart {
		f.routes = f.routes[:1]
		return nil
	}
	if list, err = f.addresses(false); err != nil {
		return err
	}
	if f.bystander, _ = f.answering(ctx, effect{}, list); len(f.bystander) == 0 {
		return &Error{Code: NoProbe, Message: "nobody outside of the partition answers, so that it cannot be told from a black hole",
			Remedy: "name a probe address outside of the peers that answers, or inject a black-hole"}
	}
	return nil
}

// answering gives the routes to those of list that answer, in its order; without any it says why.
func (f *cutFault) answering(ctx context.Context, e effect, list []endpoint) ([]route, error) {
	if len(list) == 0 {
		_, _, err := findRoute(ctx, f.space, e, nil)
		return nil, err
	}
	routes, errs := make([]route, len(list)), make([]error, len(list))
	var wg sync.WaitGroup
	for i, p := range list {
		wg.Go(func() { routes[i], _, errs[i] = findRoute(ctx, f.space, e, []string{p.String()}) })
	}
	wg.Wait()
	var out []route
	var why error
	for i, r := range routes {
		if errs[i] == nil {
			out = append(out, r)
		} else if why == nil {
			why = errs[i]
		}
	}
	return out, why
}

// series probes all routes at once and gives how many of each were answered.
func (f *cutFault) series(ctx context.Context, routes []route) ([]int, error) {
	got, errs := make([]int, len(routes)), make([]error, len(routes))
	var wg sync.WaitGroup
	for i, r := range routes {
		wg.Go(func() {
			o := r.expect(f.space.effects())
			res, err := f.space.probe(ctx, probeRun{method: r.method, to: r.to, count: cutProbes, interval: cutInterval, wait: waitFor(r, o)})
			got[i], errs[i] = len(res.rtts), err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return got, ctx.Err()
}

func (f *cutFault) proveSilent(ctx context.Context) (*Measurement, error) {
	r := f.routes[0]
	counted := f.Packets().Hit
	got, err := f.series(ctx, f.routes)
	if err != nil {
		return nil, err
	}
	counted = f.Packets().Hit - counted
	m := &Measurement{Method: r.method, Address: r.to.String(), Probes: cutProbes, Lost: cutProbes - got[0],
		LossPercent: 100 * float64(cutProbes-got[0]) / cutProbes, LossBand: [2]float64{100, 100}, BeforeMS: ms(r.bare)}
	for i, n := range got {
		if n > 0 {
			return m, errorf(Unproved, "%d of %d probes of %s are still answered (%s)", n, cutProbes, f.routes[i].to, f.routes[i].method)
		}
	}
	if counted == 0 {
		return m, errorf(Unproved, "probes of %s are not answered, and the rules have met none of them", r.to)
	}
	m.Saw = fmt.Sprintf("none of %d probes of each of %s answered; %d packets ended", cutProbes, addressesOf(f.routes), counted)
	if !f.apart {
		return m, nil
	}
	if got, err = f.series(ctx, f.bystander); err != nil {
		return m, err
	}
	for i, n := range got {
		if n == 0 {
			return m, errorf(Unproved, "%s, outside of the partition, does not answer any more", f.bystander[i].to)
		}
	}
	m.Saw += "; " + addressesOf(f.bystander) + " answered still"
	return m, nil
}

func addressesOf(routes []route) string {
	var out []string
	for _, r := range routes {
		out = append(out, r.to.String())
	}
	return strings.Join(out, ", ")
}

// proveAnswers measures until one of those cut off answers, or finds that another
// fault keeps them from it.
func (f *cutFault) proveAnswers(ctx context.Context) error {
	for try := range attempts {
		if try > 0 && !pause(ctx, 200*time.Millisecond) {
			break
		}
		got, err := f.series(ctx, f.routes)
		if err != nil {
			return err
		}
		behind := 0
		for i, n := range got {
			if n > 0 {
				f.See(&Measurement{Method: f.routes[i].method, Address: f.routes[i].to.String(), Probes: cutProbes, Lost: cutProbes - n,
					LossPercent: 100 * float64(cutProbes-n) / cutProbes, BeforeMS: ms(f.routes[i].bare)})
				return nil
			}
			if f.routes[i].expect(f.space.effects()).loss == 1 {
				behind++
			}
		}
		if behind == len(got) {
			return hidden(f.routes[0].to)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return &Error{Code: NoProbe, Message: "not measured again: " + addressesOf(f.routes) + " does not answer, though the rules are gone"}
}
