package grade

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/sli"
)

// restart is V2: the containers of the check's services, then the whole stack,
// are made anew from the declared configuration, and users must be well again.
// When the lab has a soak, its traffic runs in the same window.
func (r *Runner) restart(ctx context.Context, c catalog.Check) Result {
	if len(c.Services) > 0 {
		if err := r.World.Recreate(ctx, c.Services...); err != nil {
			return Result{Verdict: Fail, Measured: "the declared configuration does not come up: " + err.Error(), Limit: Limit(c.SLO).String()}
		}
	}
	if err := r.World.Recreate(ctx); err != nil {
		return Result{Verdict: Fail, Measured: "the declared configuration does not come up: " + err.Error(), Limit: Limit(c.SLO).String()}
	}
	from, err := r.recovered(ctx, c.SLO)
	if err != nil {
		return Result{Verdict: Fail, Measured: err.Error(), Limit: Limit(c.SLO).String()}
	}
	for _, s := range r.Lab.Checks {
		if s.Kind == "soak" {
			r.soakNow(ctx, s)
			return r.observe(ctx, c, from, max(s.Lasting, time.Since(from).Truncate(time.Second)))
		}
	}
	return r.observe(ctx, c, from, r.Pace.Window)
}

// recovered waits until users have been well for two seconds after a re-creation.
func (r *Runner) recovered(ctx context.Context, slo catalog.SLO) (time.Time, error) {
	began := r.World.Now()
	for {
		now := r.World.Now()
		from := now.Add(-2 * time.Second)
		w := r.World.Window(from, now, sli.Filter{})
		if from.After(began) && w.N > 0 && w.OK == w.N {
			return now, nil
		}
		if now.Sub(began) > r.Pace.Recover {
			return now, fmt.Errorf("users were still failing %v after the restart (%s)", now.Sub(began), w.Describe())
		}
		if err := r.World.WaitUntil(ctx, now.Add(time.Second)); err != nil {
			return now, fmt.Errorf("traffic stopped reporting: %w", err)
		}
	}
}

// soaking is what a soak saw.
type soaking struct {
	err      error
	deaths   []string // containers that ended meanwhile, with the reason
	growth   float64  // KiB per user's request, over the second half
	over     []string // containers beyond nine tenths of their original limit
	requests int
	lasted   time.Duration
}

// soaked is V4: compressed time. Memory may not grow with the requests served,
// nothing may end, and the original limits must be enough.
func (r *Runner) soaked(ctx context.Context, c catalog.Check) Result {
	if r.soak == nil {
		r.soakNow(ctx, c)
	}
	s := r.soak
	if s.err != nil {
		return unknown(s.err)
	}
	res := Result{
		Measured: fmt.Sprintf("%.1f KiB more per request over %d requests in %.0f s", s.growth, s.requests, s.lasted.Seconds()),
		Limit:    fmt.Sprintf("<= %g KiB per request, within the original memory limits, nothing ends", c.SlopeKiB),
	}
	notes := append(slices.Clone(s.deaths), s.over...)
	if len(notes) > 0 {
		res.Measured += "; " + strings.Join(notes, "; ")
	}
	res.Verdict = verdict(s.growth > c.SlopeKiB || len(notes) > 0)
	return res
}

// soakNow sends the soak's traffic and watches the services' memory meanwhile.
func (r *Runner) soakNow(ctx context.Context, c catalog.Check) {
	s := &soaking{}
	r.soak = s
	before, err := r.World.Services(ctx)
	if err != nil {
		s.err = err
		return
	}
	if err := r.World.SetRate(ctx, c.Rate); err != nil {
		s.err = fmt.Errorf("raise the traffic: %w", err)
		return
	}
	began := time.Now()
	samples, err := r.sample(ctx, c, began)
	if rerr := r.World.SetRate(context.WithoutCancel(ctx), 1); rerr != nil {
		err = errors.Join(err, fmt.Errorf("bring the traffic back to normal: %w", rerr))
	}
	after, serr := r.World.Services(ctx)
	if s.err = errors.Join(err, serr); s.err != nil {
		return
	}
	s.lasted = time.Since(began)
	s.requests = r.World.Window(began, r.World.Now(), sli.Filter{}).Sent
	for _, name := range c.Services {
		s.deaths = append(s.deaths, ended(name, before[name], after[name])...)
	}
	s.grow(samples, r.World.Inventory(), float64(s.requests)/s.lasted.Seconds())
}

// point is one reading of a container's memory.
type point struct {
	service string
	at      time.Duration // since the soak began
	bytes   float64
}

// sample reads the memory of the services' containers twice a second.
func (r *Runner) sample(ctx context.Context, c catalog.Check, began time.Time) (map[string][]point, error) {
	out := map[string][]point{}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for time.Since(began) < c.Lasting {
		services, err := r.World.Services(ctx)
		if err != nil {
			return nil, err
		}
		for _, name := range c.Services {
			for _, ct := range services[name] {
				u, err := r.World.Usage(ctx, ct.ID)
				if err != nil {
					continue // not running at this moment; ended() tells
				}
				out[ct.ID] = append(out[ct.ID], point{name, time.Since(began), float64(u.MemoryBytes)})
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("none of %s is running", strings.Join(c.Services, ", "))
	}
	return out, nil
}

// ended names the containers of a service that died, were restarted or vanished.
func ended(service string, before, after []engine.Container) []string {
	if len(before) == 0 {
		return []string{service + " does not run"}
	}
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
		case !after[i].Running():
			out = append(out, fmt.Sprintf("%s ended (exit code %d)", b.Name, after[i].ExitCode))
		}
	}
	return out
}

// grow adds up the growth of all containers in the soak's second half (the first
// fills caches and the collector's head room) and holds their peaks against the
// limits they had in the beginning.
func (s *soaking) grow(samples map[string][]point, inv Inventory, rate float64) {
	for _, pts := range samples {
		half := pts[len(pts)/2:]
		s.growth += max(0, slope(half)) / rate / 1024
		peak := 0.0
		for _, p := range pts {
			peak = max(peak, p.bytes)
		}
		if limit := inv.Services[pts[0].service].MemoryBytes; limit > 0 && peak > .9*float64(limit) {
			s.over = append(s.over, fmt.Sprintf("a %s reached %.0f MiB; its original limit is %d MiB", pts[0].service, peak/(1<<20), limit>>20))
		}
	}
	slices.Sort(s.over)
}

// slope is the median of the slopes between all pairs of points, in bytes per
// second (Theil-Sen): one late collection does not bend it.
func slope(pts []point) float64 {
	var all []float64
	for i, a := range pts {
		for _, b := range pts[i+1:] {
			if b.at > a.at {
				all = append(all, (b.bytes-a.bytes)/(b.at-a.at).Seconds())
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}
