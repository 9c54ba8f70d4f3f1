package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/endpoint"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// normalRate is what users ask for, in requests a second, all regions together.
const normalRate = 45

// feed reads traffic's log into the recorder for as long as the lab lives. After
// a break it reads a little of it again; the recorder drops what it has.
func (c *Control) feed(ctx context.Context, since time.Time) {
	for ctx.Err() == nil {
		pr, pw := io.Pipe()
		go func() {
			err := c.eng.Logs(ctx, Name(c.cfg.ID, RoleTraffic), pw, since, true, false)
			pw.CloseWithError(errors.Join(io.EOF, err))
		}()
		for s, err := range traffic.ReadSeconds(pr) {
			if err != nil {
				break
			}
			c.rec.Add(s)
			c.mitigated()
		}
		pr.Close()
		if last := c.rec.Last(); !last.IsZero() {
			since = last.Add(-2 * time.Second)
		}
		select {
		case <-ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// now is the end of the newest second that traffic reported.
func (c *Control) now() time.Time {
	if last := c.rec.Last(); !last.IsZero() {
		return last.Add(time.Second)
	}
	return time.Now().Truncate(time.Second)
}

// waitUntil blocks until traffic has reported everything before t. Traffic that is
// silent for five seconds is an error.
func (c *Control) waitUntil(ctx context.Context, t time.Time) error {
	for {
		changed := c.rec.Changed()
		if last := c.rec.Last(); !last.IsZero() && !c.now().Before(t) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-time.After(8 * time.Second):
			return errors.New("traffic has not reported for 8 s")
		}
	}
}

// setRate makes traffic ask factor times as often as normal.
func (c *Control) setRate(ctx context.Context, factor float64) error {
	var last error
	for range 20 {
		r, err := c.inTraffic(ctx, "shop", "traffic", "set", "--rate", fmt.Sprint(factor*normalRate))
		if err == nil && r.Code == 0 {
			return nil
		}
		if last = err; err == nil {
			last = errors.New(strings.TrimSpace(r.Stderr))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("set the traffic's rate: %w", last)
}

func (c *Control) inTraffic(ctx context.Context, args ...string) (engine.Result, error) {
	return c.eng.Exec(ctx, Name(c.cfg.ID, RoleTraffic), engine.Command{Args: args})
}

// mitigated starts the clock of the mitigation: users have been well for long
// enough, and something was changed before. What is done in the database goes past
// control: in labs about data a look must do, after which users are well and stay so.
func (c *Control) mitigated() {
	st := c.keep.get()
	first := st.FirstChange
	if !st.Changed && c.checks("goods") {
		first = st.FirstLook
	}
	if st.Phase != "running" || first.IsZero() || !st.MitigateAt.IsZero() {
		return
	}
	now := c.now()
	from := now.Add(-c.pace.Hold)
	if from.Before(st.HurtAt) || from.Before(first) {
		return
	}
	for _, g := range st.Gaps { // users were well then without anybody's doing
		if now.After(g.From) && (g.To.IsZero() || from.Before(g.To)) {
			return
		}
	}
	w := c.rec.Window(from, now, sli.Filter{})
	if w.Seconds < int(c.pace.Hold.Seconds()) || !c.well(from, now) {
		return
	}
	c.keep.set(func(s *State) { s.MitigateAt = from })
	c.line.add(Event{At: from, Actor: "system", Kind: "phase", Text: "users are well again"})
}

// well tells whether users were well all along, at every look that status would
// have given: over a longer time a death now and then is diluted.
func (c *Control) well(from, to time.Time) bool {
	for end := from.Add(StatusWindow); !end.After(to); end = end.Add(5 * time.Second) {
		if len(c.suffering(end.Add(-StatusWindow), end)) > 0 {
			return false
		}
	}
	return true
}

// watchContainers puts deaths and restarts of the shop's containers on the timeline.
func (c *Control) watchContainers(ctx context.Context) {
	for ev := range c.eng.Events(ctx, label(c.cfg.ID)) {
		switch {
		case ev.Labels[endpoint.LabelRole] == RoleTraffic && ev.Action == "start" && c.keep.get().Phase == "running":
			// Users that were restarted have not been told how often to ask.
			if err := c.setRate(ctx, 1); err != nil && ctx.Err() == nil {
				c.log.Warn("restarted traffic is silent", "err", err)
			}
		case ev.Labels[endpoint.LabelRole] != RoleShop:
		case ev.Action == "oom":
			c.line.add(Event{At: ev.Time, Actor: "system", Kind: "container", Text: ev.Name + " ran out of memory"})
		case ev.Action == "die":
			if ev.Labels["exitCode"] != "0" {
				c.died.Store(ev.Time.UnixNano())
			}
			c.line.add(Event{At: ev.Time, Actor: "system", Kind: "container", Text: ev.Name + " ended with exit code " + ev.Labels["exitCode"]})
		case ev.Action == "start":
			c.line.add(Event{At: ev.Time, Actor: "system", Kind: "container", Text: ev.Name + " started"})
		}
	}
}
