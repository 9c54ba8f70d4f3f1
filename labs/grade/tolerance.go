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
	start, err := r.count(ctx)
	var during map[string]float64
	if err == nil {
		if err = r.World.WaitUntil(ctx, start.at.Add(c.Lasting)); err == nil {
			during, err = r.attempts(ctx, start)
		}
	}
	to := r.World.Now()
	if uerr := undo(context.WithoutCancel(ctx)); err == nil {
		err = uerr
	}
	if err != nil {
		return unknown(err)
	}
	win := r.World.Window(start.at, to, sli.Filter{})
	if win.Sent == 0 || float64(win.Sent) < .8*win.Asked {
		return unknown(fmt.Errorf("only %d of about %.0f requests set out", win.Sent, win.Asked))
	}
	res := Result{Limit: fmt.Sprintf("%s; at most %g requests at the services per request of a user", Limit(c.SLO), c.Attempts)}
	worst, where := 0.0, ""
	for _, m := range []map[string]float64{before, during} {
		for site, a := range m {
			if a > worst {
				worst, where = a, site
			}
		}
	}
	bad := Limit(c.SLO).Breaches(win)
	res.Measured = fmt.Sprintf("%s; %.2f requests at the services per request (%s)", win.Describe(), worst, where)
	if len(bad) > 0 {
		res.Measured += "; short: " + strings.Join(bad, ", ")
	}
	res.Verdict = verdict(len(bad) > 0 || worst > c.Attempts)
	return res
}

// tally is how many requests had reached the services at a moment.
type tally struct {
	at     time.Time
	served map[string]float64
	lives  map[string]time.Time // containers that ran then, with their start
}

// count takes a tally just after traffic has reported a second, so that the same
// small delay stands at both ends of what is measured and cancels.
func (r *Runner) count(ctx context.Context) (*tally, error) {
	if err := r.World.WaitUntil(ctx, r.World.Now().Add(time.Second)); err != nil {
		return nil, err
	}
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
// users sent since the tally, for each site.
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
	for _, site := range []string{"us", "eu", "ap"} {
		w := r.World.Window(since.at, now.at, sli.Filter{Region: site})
		if w.N < 20 {
			continue
		}
		served := now.served[site] - since.served[site]
		// Every page comes from a web: counters that missed them miss retries too.
		if served < .5*float64(w.OK) {
			return nil, fmt.Errorf("the services counted %.0f requests of site %s, whose users got %d pages", served, site, w.OK)
		}
		out[site] = served / float64(w.N)
	}
	if len(out) == 0 {
		return nil, errors.New("too few requests to count attempts")
	}
	return out, nil
}
