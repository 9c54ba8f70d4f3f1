package grade

import (
	"context"
	"fmt"
	"strings"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/places"
	"faultlab/labs/sli"
)

// Limit gives what users of a region must get, or all of them together (""), in the
// recorder's form. An SLO's times are those of users at home, where the data is: a page
// takes one round trip there, and all users together wait as long as those farthest off.
func Limit(s catalog.SLO, region string) sli.Limit {
	away := places.RTT(places.Home, region)
	if region == "" {
		for _, r := range places.Regions {
			away = max(away, places.RTT(places.Home, r))
		}
	}
	l := sli.Limit{Success: s.Success}
	if s.P95 > 0 {
		l.P95 = s.P95 + away
	}
	if s.P99 > 0 {
		l.P99 = s.P99 + away
	}
	return l
}

// Wanted says what users must get.
func Wanted(s catalog.SLO) string {
	text := sli.Limit{Success: s.Success, P95: s.P95, P99: s.P99}.String()
	if s.P95+s.P99 == 0 {
		return text
	}
	var more []string
	for _, r := range places.Regions {
		if away := places.RTT(places.Home, r); away > 0 && (s.Region == "" || s.Region == r) {
			more = append(more, fmt.Sprintf("%d ms more in %s", away.Milliseconds(), r))
		}
	}
	if len(more) > 0 {
		text += " (" + strings.Join(more, ", ") + ")"
	}
	return text
}

// Breaches says in which ways what users of a region got, or all of them (""), falls short
// of an SLO. Fewer than 60 requests are judged by success alone: a percentile of a handful
// says nothing.
func Breaches(w sli.Window, s catalog.SLO, region string) []string {
	lim := Limit(s, region)
	if w.N < 60 {
		lim.P95, lim.P99 = 0, 0
	}
	return lim.Breaches(w)
}

// Suffering says in which ways users fall short of an SLO in a window, for all of
// them together and for each region by itself (or only the region it names).
func Suffering(w func(sli.Filter) sli.Window, s catalog.SLO) []string {
	regions := []string{"", "us", "eu", "ap"}
	if s.Region != "" {
		regions = []string{s.Region}
	}
	var out []string
	for _, region := range regions {
		for _, b := range Breaches(w(sli.Filter{Region: region}), s, region) {
			if region == "" {
				out = append(out, b)
			} else {
				out = append(out, region+" "+b)
			}
		}
	}
	return out
}

// settle is how long users must have been well at a window's beginning: a roll-out
// that is just over costs a few requests, and answers that were asked for before
// the grading are still to come.
const settle = 2 * time.Second

// slo is V1: a window of the hidden traffic after grading began. It opens with the
// first seconds in which users are well, or when that has been waited for long
// enough.
func (r *Runner) slo(ctx context.Context, c catalog.Check) Result {
	from := r.since.Truncate(time.Second).Add(time.Second)
	for {
		if err := r.World.WaitUntil(ctx, from.Add(settle)); err != nil {
			return unknown(fmt.Errorf("traffic stopped reporting: %w", err))
		}
		w := r.World.Window(from, from.Add(settle), sli.Filter{})
		if from.Sub(r.since) >= r.Pace.Calm || w.OK == w.N && len(Limit(c.SLO, "").Breaches(w)) == 0 {
			return r.observe(ctx, c, from, r.Pace.Window)
		}
		from = from.Add(time.Second)
	}
}

// observe waits for a window that opens at from and lasts at least so long, and
// longer until it holds enough requests, and judges it.
func (r *Runner) observe(ctx context.Context, c catalog.Check, from time.Time, lasting time.Duration) Result {
	load := r.load(ctx)
	to := from.Add(lasting)
	win := sli.Window{}
	for {
		if err := r.World.WaitUntil(ctx, to); err != nil {
			return unknown(fmt.Errorf("traffic stopped reporting: %w", err))
		}
		if win = r.World.Window(from, to, sli.Filter{}); win.Sent >= r.Pace.Requests {
			break
		}
		if to = to.Add(time.Second); to.Sub(from) > 3*lasting {
			return unknown(fmt.Errorf("only %d requests set out in %v; want at least %d", win.Sent, to.Sub(from), r.Pace.Requests))
		}
	}
	res := Result{Measured: win.Describe(), Limit: Wanted(c.SLO)}
	// An open-loop source that sends less than it was asked to has been held up:
	// then silence would pass for health.
	if float64(win.Sent) < .8*win.Asked {
		return unknown(fmt.Errorf("only %d of about %.0f requests set out", win.Sent, win.Asked))
	}
	// Nobody knows what users got in the seconds that are missing.
	if want := int(to.Sub(from).Seconds()); win.Seconds < want-1 {
		return unknown(fmt.Errorf("traffic reported only %d of %d seconds", win.Seconds, want))
	}
	bad := Suffering(func(f sli.Filter) sli.Window { return r.World.Window(from, to, f) }, c.SLO)
	if float64(win.N) < .8*float64(win.Sent) {
		bad = append(bad, fmt.Sprintf("%d of %d requests are still without an answer", win.Sent-win.N, win.Sent))
	}
	if len(bad) > 0 {
		res.Measured += "; short: " + strings.Join(bad, ", ")
	}
	if len(bad) > 0 {
		if err := r.overloaded(ctx, load, win); err != nil {
			return unknown(err)
		}
	}
	res.Verdict = verdict(len(bad) > 0)
	return res
}
