package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/sli"
)

// hurtWithin is how long users may take to suffer after breaking: 30 s, and longer
// after a deploy, which must settle, and whose effect must grow.
func (c *Control) hurtWithin() time.Duration {
	if c.deploys() {
		return 45 * time.Second
	}
	return 30 * time.Second
}

// deploys tells whether the lab breaks with a deploy.
func (c *Control) deploys() bool {
	return slices.ContainsFunc(c.lab.Break, func(s catalog.Step) bool { return s.Deploy != nil })
}

// rush is how many times as often as usual users ask from the moment a deploy has
// settled until they suffer from it: what grows with every request shows sooner.
var rush = map[string]float64{"real": 1, "fast": 4}

// breakIt takes the lab's steps and waits until users suffer, which in controls they
// never do.
func (c *Control) breakIt(ctx context.Context, say func(Progress)) error {
	say(Progress{Phase: "break", Of: 2, Text: "the incident begins"})
	for _, step := range c.lab.Break {
		if err := c.take(ctx, step); err != nil {
			return fmt.Errorf("break the system: %w", err)
		}
	}
	broken := time.Now()
	if err := c.keep.set(func(s *State) { s.BrokenAt = broken }); err != nil {
		return err
	}
	say(Progress{Phase: "break", Done: 1, Of: 2, Text: "waiting until users notice"})
	if c.lab.Scenario != catalog.Controls {
		if err := c.untilHurt(ctx, broken); err != nil {
			return err
		}
	}
	err := c.keep.set(func(s *State) {
		s.Phase, s.HurtAt = "running", c.now()
		if !c.lab.Healthy() {
			s.PagedAt = time.Now()
		}
	})
	if err != nil {
		return err
	}
	if c.lab.Healthy() {
		c.line.add(Event{Actor: "system", Kind: "phase", Text: firstLine(c.lab.Brief)})
		say(Progress{Phase: "break", Done: 2, Of: 2, Text: "the shop is yours"})
		return nil
	}
	c.line.add(Event{Actor: "pager", Kind: "page", Text: firstLine(c.lab.Brief)})
	say(Progress{Phase: "break", Done: 2, Of: 2, Text: "the pager has gone off"})
	return nil
}

// untilHurt waits until users suffer. Replacing containers costs a few requests
// by itself; that is not the incident, so after a deploy users must first have
// been well again for two seconds, or have suffered for longer than any deploy.
// Then they may come in a rush; what is slow in it must be slow without it too, or
// the rush goes on.
func (c *Control) untilHurt(ctx context.Context, broken time.Time) (err error) {
	settled, from, factor := !c.deploys(), broken, 1.0
	many := 1.0 // times as often as usual
	if c.deploys() {
		many = rush[c.cfg.Pace]
	}
	var again time.Time // when a rush that made users wait may come again
	ask := func(f float64) error {
		factor = f
		return c.setRate(context.WithoutCancel(ctx), f)
	}
	defer func() {
		if factor != 1 {
			err = errors.Join(err, ask(1))
		}
	}()
	for {
		if err := c.waitUntil(ctx, c.now().Add(time.Second)); err != nil {
			return err
		}
		now := c.now()
		if !settled {
			calm := now.Sub(broken) >= 3*time.Second && len(c.suffering(now.Add(-2*time.Second), now)) == 0
			if !calm && now.Sub(broken) < deployBlip {
				continue
			}
			settled, from = true, now
			if err := ask(many); err != nil {
				return err
			}
			continue
		}
		if late := now.Add(-5 * time.Second); late.After(from) {
			from = late
		}
		if !now.After(from) {
			continue
		}
		bad := c.suffering(from, now)
		switch {
		case len(bad) > 0 && factor != 1 && !c.evident(from, now):
			if err := ask(1); err != nil {
				return err
			}
			from = c.now().Add(time.Second)
			again = from.Add(lull)
			continue
		case len(bad) == 0 && factor != many && !now.Before(again):
			if err := ask(many); err != nil {
				return err
			}
		case len(bad) > 0 && c.plain(from, now):
			c.line.add(Event{Actor: "system", Kind: "break", Secret: true,
				Text: fmt.Sprintf("users suffer %.0f s after breaking: %s", now.Sub(broken).Seconds(), strings.Join(bad, ", "))})
			return nil
		}
		if limit := c.hurtWithin(); now.Sub(broken) > limit {
			return fmt.Errorf("users did not suffer within %v of breaking; this lab is of no use", limit)
		}
	}
}

// lull is how long users ask as usual after a rush has made them wait.
const lull = 5 * time.Second

// evident tells whether users suffer from more than a rush in a window: more than a few
// unlucky requests failed, or a container died, for which who waits then waits.
func (c *Control) evident(from, to time.Time) bool {
	w := c.rec.Window(from, to, sli.Filter{})
	return w.N-w.OK >= 5 || c.died.Load() > from.UnixNano()
}

// plain tells whether a window shows more than a few unlucky requests: what is
// evident, or five seconds of slow ones.
func (c *Control) plain(from, to time.Time) bool {
	return c.evident(from, to) || to.Sub(from) >= 5*time.Second
}

// deployBlip is how long users may notice that containers were replaced.
const deployBlip = 12 * time.Second
