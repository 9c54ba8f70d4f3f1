package grade

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/sli"
)

// fairShare is the part of the users' requests that each watched service must
// have answered in a soak: memory that does not grow says nothing about a
// service that was taken out of use.
const fairShare = .2

// soaking is what a soak saw.
type soaking struct {
	err      error
	deaths   []string // containers that ended meanwhile, with the reason
	growth   float64  // KiB per request, of the service that grows most, over the second half
	over     []string // containers beyond nine tenths of their original limit
	idle     []string // services that answered less than their share
	requests int
	lasted   time.Duration
}

// wrong is everything that a soak found, besides growth.
func (s *soaking) wrong() []string { return slices.Concat(s.deaths, s.over, s.idle) }

// soaked is V4: compressed time. Memory may not grow with the requests served,
// nothing may end, and the original limits must be enough.
func (r *Runner) soaked(ctx context.Context, c catalog.Check) Result {
	if r.soaks[c.ID] == nil {
		r.soakNow(ctx, c)
	}
	s := r.soaks[c.ID]
	if s.err != nil {
		return unknown(s.err)
	}
	res := Result{
		Measured: fmt.Sprintf("%.1f KiB more per request over %d requests in %.0f s", s.growth, s.requests, s.lasted.Seconds()),
		Limit:    fmt.Sprintf("<= %g KiB per request, within the original memory limits, nothing ends", c.SlopeKiB),
	}
	if notes := s.wrong(); len(notes) > 0 {
		res.Measured += "; " + strings.Join(notes, "; ")
	}
	good := s.growth <= c.SlopeKiB && len(s.wrong()) == 0
	res.Verdict = verdict(!good)
	return res
}

// soakNow sends the soak's traffic and watches the services' memory meanwhile.
func (r *Runner) soakNow(ctx context.Context, c catalog.Check) {
	s := &soaking{}
	r.soaks[c.ID] = s
	if len(r.World.Inventory().Services) == 0 {
		s.err = errors.New("there is no inventory of the healthy system to compare with")
		return
	}
	before, err := r.World.Services(ctx)
	if err != nil {
		s.err = err
		return
	}
	handled, err := r.handled(ctx, c.Services)
	if err != nil {
		s.err = err
		return
	}
	if err := r.World.SetRate(ctx, c.Rate); err != nil {
		s.err = fmt.Errorf("raise the traffic: %w", err)
		return
	}
	began := r.World.Now()
	half := r.half(ctx, c)
	samples, lasted, err := r.sample(ctx, c)
	then, now := <-half, r.alive(ctx, c)
	if err == nil {
		err = r.World.WaitUntil(ctx, began.Add(lasted))
	}
	if rerr := r.World.SetRate(context.WithoutCancel(ctx), 1); rerr != nil {
		err = errors.Join(err, fmt.Errorf("bring the traffic back to normal: %w", rerr))
	}
	after, serr := r.World.Services(ctx)
	if s.err = errors.Join(err, serr); s.err != nil {
		return
	}
	s.lasted = lasted
	// The second in which the rate changed is neither one nor the other.
	w := r.World.Window(began.Add(time.Second), began.Add(lasted), sli.Filter{})
	s.requests = w.Sent
	inv := r.World.Inventory()
	for name := range merged(before, after) {
		if slices.Contains(c.Services, name) {
			s.deaths = append(s.deaths, ended(name, before[name], after[name])...)
		} else if !inv.Knows(name) {
			s.deaths = append(s.deaths, died(before[name], after[name])...)
		}
	}
	for _, name := range c.Services {
		if len(before[name]) == 0 {
			s.deaths = append(s.deaths, name+" does not run")
		}
	}
	slices.Sort(s.deaths)
	var answered map[string]float64
	if len(s.deaths) == 0 {
		answered, s.err = r.answered(ctx, c, handled)
		s.idle = idle(answered, w)
	}
	for name := range answered {
		answered[name] /= lasted.Seconds()
	}
	s.grow(samples, inv, answered, float64(w.Sent)/float64(max(1, w.Seconds)))
	kept, kerr := then.kept(now)
	s.growth = max(s.growth, kept)
	if len(s.wrong()) > 0 {
		s.err = nil // red already, whatever could not be measured besides
		return
	}
	s.err = errors.Join(s.err, kerr, sound(c, w, r.World.NormalRate()), enough(c, before, samples))
}

// handled is how many requests each service has answered. One that is between two lives
// when it is asked is asked again: that it dies is what a soak is to find.
func (r *Runner) handled(ctx context.Context, services []string) (n map[string]float64, err error) {
	for range 10 {
		if n, err = r.World.Handled(ctx, services); err == nil {
			return n, nil
		}
		if werr := r.World.WaitUntil(ctx, r.World.Now().Add(500*time.Millisecond)); werr != nil {
			return nil, errors.Join(err, werr)
		}
	}
	return nil, err
}

func merged(a, b map[string][]engine.Container) map[string]bool {
	out := map[string]bool{}
	for k := range maps.Keys(a) {
		out[k] = true
	}
	for k := range maps.Keys(b) {
		out[k] = true
	}
	return out
}

// sound tells whether a soak's traffic was what it should have been: a system
// that nobody asks, or that answers nobody, does not grow.
func sound(c catalog.Check, w sli.Window, usual float64) error {
	switch rate := w.Asked / float64(max(1, w.Seconds)); {
	case w.Seconds < int(c.Lasting.Seconds()/2) || w.Sent == 0:
		return fmt.Errorf("traffic reported %d requests in %d s of the soak", w.Sent, w.Seconds)
	case rate < .8*c.Rate*usual:
		return fmt.Errorf("traffic was asked for %.0f requests a second; want %g times the usual %.0f", rate, c.Rate, usual)
	case float64(w.Sent) < .8*w.Asked:
		return fmt.Errorf("only %d of about %.0f requests set out", w.Sent, w.Asked)
	case w.OK < w.Sent/2:
		return fmt.Errorf("only %d of %d requests of the soak were answered rightly", w.OK, w.Sent)
	}
	return nil
}

// answered is how many requests each of the check's services answered since the counts.
func (r *Runner) answered(ctx context.Context, c catalog.Check, since map[string]float64) (map[string]float64, error) {
	now, err := r.World.Handled(ctx, c.Services)
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, name := range c.Services {
		out[name] = now[name] - since[name]
	}
	return out, nil
}

// idle names the services that answered less than their share of a window.
func idle(answered map[string]float64, w sli.Window) []string {
	var out []string
	for name, n := range answered {
		if n < fairShare*float64(w.OK) {
			out = append(out, fmt.Sprintf("%s answered %.0f of %d requests: it is hardly in use", name, n, w.OK))
		}
	}
	slices.Sort(out)
	return out
}

// ended names the containers of a service that died, were restarted or vanished.
func ended(service string, before, after []engine.Container) []string {
	var out []string
	for _, b := range before {
		i := slices.IndexFunc(after, func(a engine.Container) bool { return a.ID == b.ID })
		switch {
		case i < 0:
			out = append(out, b.Name+" was removed")
		case after[i].OOMKilled:
			out = append(out, b.Name+" was killed for lack of memory")
		case !after[i].StartedAt.Equal(b.StartedAt) || after[i].RestartCount != b.RestartCount:
			out = append(out, fmt.Sprintf("%s ended and was started again (exit code %d)", b.Name, after[i].ExitCode))
		case after[i].State == "paused":
			out = append(out, b.Name+" is paused")
		case !after[i].Running():
			out = append(out, fmt.Sprintf("%s ended (exit code %d)", b.Name, after[i].ExitCode))
		}
	}
	return out
}

// died names the containers of an added service that did not end in peace: what
// was run by hand may end.
func died(before, after []engine.Container) []string {
	var out []string
	for _, a := range after {
		i := slices.IndexFunc(before, func(b engine.Container) bool { return a.ID == b.ID })
		if a.OOMKilled || i >= 0 && a.RestartCount > before[i].RestartCount {
			out = append(out, a.Name+" was killed or started again")
		}
	}
	return out
}
