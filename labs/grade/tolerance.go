package grade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/sli"
)

// tolerance is V7: the same class of fault at lower strength, laid by the grader.
// Users must get the check's SLO, and no more requests may reach the services
// per request of a user than the check allows, neither now nor in the window
// since grading began: whoever hides loss behind retries multiplies the load.
func (r *Runner) tolerance(ctx context.Context, c catalog.Check) Result {
	if r.first == nil {
		return unknown(errors.New("the requests at the services could not be counted when grading began"))
	}
	before, err := r.attempts(ctx, r.first)
	if err != nil {
		return unknown(err)
	}
	undo, err := r.World.Lay(ctx, *c.Fault)
	if err != nil {
		return unknown(fmt.Errorf("lay the test fault: %w", err))
	}
	load := r.load(ctx)
	start, err := r.count(ctx)
	var during map[string]float64
	if err == nil {
		if err = r.World.WaitUntil(ctx, start.at.Add(c.Lasting)); err == nil {
			during, err = r.attempts(ctx, start)
		}
	}
	to := r.World.Now()
	if uerr := undo(context.WithoutCancel(ctx)); err == nil && uerr != nil {
		err = fmt.Errorf("take the test fault away: %w", uerr)
	}
	if err != nil {
		return unknown(err)
	}
	win := r.World.Window(start.at, to, sli.Filter{})
	if win.Sent == 0 || float64(win.Sent) < .8*win.Asked {
		return unknown(fmt.Errorf("only %d of about %.0f requests set out", win.Sent, win.Asked))
	}
	res := Result{Limit: fmt.Sprintf("%s; at most %g requests at the services per request of a user", Wanted(c.SLO), c.Attempts)}
	worst, where := 0.0, ""
	for _, m := range []map[string]float64{before, during} {
		for site, a := range m {
			if a > worst {
				worst, where = a, site
			}
		}
	}
	bad := Limit(c.SLO, "").Breaches(win)
	res.Measured = fmt.Sprintf("%s; %.2f requests at the services per request (%s)", win.Describe(), worst, where)
	if len(bad) > 0 {
		res.Measured += "; short: " + strings.Join(bad, ", ")
	}
	if len(bad) > 0 {
		if err := r.overloaded(ctx, load, win); err != nil {
			return unknown(err)
		}
	}
	res.Verdict = verdict(len(bad) > 0 || worst > c.Attempts)
	return res
}

// tally is what the services had counted at a moment.
type tally struct {
	at     time.Time
	served map[string]Reading   // by container
	lives  map[string]time.Time // containers that ran then, with their start
}

func (r *Runner) count(ctx context.Context) (*tally, error) {
	at := r.World.Now()
	served, err := r.World.Served(ctx)
	if err != nil {
		return nil, err
	}
	services, err := r.World.Services(ctx)
	if err != nil {
		return nil, err
	}
	lives := map[string]time.Time{}
	for _, cs := range services {
		for _, c := range cs {
			if c.Running() {
				lives[c.ID] = c.StartedAt
			}
		}
	}
	return &tally{at, served, lives}, nil
}

// attempts measures how many requests reached the services per request that
// users sent since the tally, for each site: the rate at which containers counted
// over the rate at which users were done. Rates, because reading the counters of
// several containers takes a while, and a busy machine makes that while long.
func (r *Runner) attempts(ctx context.Context, since *tally) (map[string]float64, error) {
	now, err := r.count(ctx)
	if err != nil {
		return nil, err
	}
	// Counters begin anew with their container: what one had counted is lost.
	for id, started := range since.lives {
		if again, ok := now.lives[id]; !ok || !again.Equal(started) {
			return nil, errors.New("a container ended or was started again while requests were counted")
		}
	}
	out := map[string]float64{}
	lasted := now.at.Sub(since.at).Seconds()
	for _, site := range []string{"us", "eu", "ap"} {
		w := r.World.Window(since.at, now.at, sli.Filter{Region: site})
		if w.N < 20 || lasted <= 0 {
			continue
		}
		served := rate(since, now, site)
		// Every page comes from a web: counters that missed them miss retries too.
		if ok := float64(w.OK) / lasted; served < .5*ok {
			return nil, fmt.Errorf("the services counted %.1f requests a second of site %s, whose users got %.1f pages", served, site, ok)
		}
		out[site] = served / (float64(w.N) / lasted)
	}
	if len(out) == 0 {
		return nil, errors.New("too few requests to count attempts")
	}
	return out, nil
}

// rate is how many requests a second all containers together answered for a site
// between two tallies. One that is new began to count after the first.
func rate(a, b *tally, site string) float64 {
	sum := 0.0
	for id, now := range b.served {
		from, before := a.at, 0.0
		if old, ok := a.served[id]; ok {
			from, before = old.At, old.Sites[site]
		}
		if took := now.At.Sub(from).Seconds(); took > 0 {
			sum += max(0, now.Sites[site]-before) / took
		}
	}
	return sum
}
