package agent

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// route is a way to see an effect: an address that answers, and the round trip
// there with nothing injected.
type route struct {
	method   string
	to       endpoint
	bare     time.Duration // median
	quickest time.Duration
}

func (r route) expect(effects []effect) outlook {
	return expect(effects, r.to, protoOf(r.method))
}

// findRoute looks for an address that answers and that the effect concerns,
// and measures the round trip as it is.
func findRoute(ctx context.Context, sp space, e effect, given []string) (route, time.Duration, error) {
	var tries []route
	var why error
	var list []endpoint
	for _, s := range given {
		p, err := parseProbe(s)
		if err != nil {
			return route{}, 0, err
		}
		list = append(list, p)
	}
	if len(given) == 0 {
		list = sp.candidates(e.match)
	}
	for _, p := range list {
		method, to, err := methodFor(e.match, p)
		if err != nil {
			why = err
			continue
		}
		r := route{method: method, to: to}
		if e.match.matches(to, protoOf(method)) && !slices.Contains(tries, r) && !sp.local(to.addr) {
			tries = append(tries, r)
		}
	}
	if len(tries) == 0 {
		if why != nil {
			return route{}, 0, why
		}
		return route{}, 0, &Error{Code: NoProbe, Message: "no address to probe: none known that the fault concerns", Remedy: "name probe addresses inside the peer"}
	}
	tries = tries[:min(len(tries), 16)]
	before := sp.effects()
	if r, m, ok := firstAnswer(ctx, sp, tries, before); ok {
		return r, m, nil
	}
	if err := ctx.Err(); err != nil {
		return route{}, 0, err
	}
	if !slices.ContainsFunc(tries, func(r route) bool { return r.expect(before).loss < 1 }) {
		return route{}, 0, &Error{Code: NoProbe, Message: fmt.Sprintf("nothing can be seen at %s: another fault on this target ends that traffic", tries[0].to),
			Remedy: "revert that one first, or inject this one before it"}
	}
	return route{}, 0, &Error{Code: NoProbe,
		Message: fmt.Sprintf("none of %d addresses answers a probe (%s), first %s", len(tries), tries[0].method, tries[0].to),
		Remedy:  "name a probe address that answers, such as another container of the network"}
}

// firstAnswer probes all at once, takes the first route that answers, and gives the
// round trip there as it is. A short series will do where it is steady; otherwise a
// longer one follows, alone.
func firstAnswer(ctx context.Context, sp space, tries []route, before []effect) (route, time.Duration, bool) {
	type answer struct {
		route
		rtts []time.Duration
	}
	short, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(tries))
	for _, r := range tries {
		go func() {
			o := r.expect(before)
			run := delayRun(r, o)
			run.count, run.interval = max(run.count*shortProbes/delayProbes, shortProbes), shortInterval
			if o.loss > 0 { // a series that is lost as a whole would say that nobody is there
				run.count = max(run.count, int(min(7*o.spread/max(1-o.loss, 0.01), 300)))
			}
			res, err := sp.probe(short, run)
			if err != nil {
				res.rtts = nil
			}
			answers <- answer{r, res.rtts}
		}()
	}
	var first *answer
	for range tries {
		if a := <-answers; first == nil && len(a.rtts) > 0 {
			first = &a
			cancel() // the others need not be waited for
		}
	}
	if first == nil {
		return route{}, 0, false
	}
	r, o := first.route, first.route.expect(before)
	rtts := first.rtts
	if len(rtts) > 2 {
		rtts = rtts[1:] // the first may have waited for its neighbour to be resolved
	}
	m, least := median(rtts), slices.Min(first.rtts)
	if o.jitter > 0 || slices.Max(rtts)-slices.Min(rtts) > steady {
		if res, err := sp.probe(ctx, delayRun(r, o)); err == nil && len(res.rtts) > 0 {
			m, least = min(m, median(res.rtts)), min(least, slices.Min(res.rtts))
		}
	}
	r.bare, r.quickest = max(m-o.delay, 0), max(least-o.delay, 0)
	return r, m, true
}
