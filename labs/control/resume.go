package control

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"faultlab/labs/catalog"
)

// resume takes the lab up again after a restart of control.
func (c *Control) resume(ctx context.Context) error {
	st := c.keep.get()
	var err error
	if c.shop, err = netip.ParsePrefix(st.Shop); err != nil {
		return err
	}
	if c.users, err = netip.ParsePrefix(st.Users); err != nil {
		return err
	}
	c.line.add(Event{Actor: "system", Kind: "phase", Text: "control is back after a restart"})
	c.expectTakeover()
	lay := c.faultsToLay(st)
	if len(lay) > 0 { // before anything looks at how users fared meanwhile
		if err := c.recordGap(ctx); err != nil {
			return err
		}
	}
	go c.uplinks.follow(c.life)
	go c.watchContainers(c.life)
	go c.feed(c.life, c.cfg.CreatedAt)
	go c.exportTraces(c.life)
	go c.followPager(c.life)
	if err := c.formerAgent(ctx); err != nil {
		return err
	}
	go c.links.keep(c.life)
	// A grading that was cut off may have left the traffic at another rate.
	if err := c.setRate(ctx, 1); err != nil {
		c.log.Error("the traffic could not be brought back to normal", "err", err)
	}
	// Or a payment partner where nobody looks for it.
	if err := c.partnersHome(ctx); err != nil {
		c.log.Error("the payment partners could not be put where they belong", "err", err)
	}
	if st.Mended || st.InjectorLost != "" {
		return nil
	}
	if len(lay) > 0 {
		if err := c.layAgain(ctx, lay); err != nil {
			return err
		}
	}
	for _, x := range c.lab.Escalations {
		if slices.Contains(st.Told, x.Team) {
			c.mendLater(x)
		}
	}
	return nil
}

// formerAgent waits until the agent of control's earlier life has put everything back
// and is gone, as it does by itself. One that lingers is removed.
func (c *Control) formerAgent(ctx context.Context) error {
	name := Name(c.cfg.ID, RoleAgent)
	wait, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if _, err := c.eng.Wait(wait, name); err != nil && wait.Err() != nil {
		c.log.Warn("the agent of an earlier life did not end by itself", "err", err)
	}
	return c.eng.Remove(ctx, name)
}

// faultsToLay are the incident's faults, unless they were mended or lost for good.
func (c *Control) faultsToLay(st State) []catalog.Fault {
	var out []catalog.Fault
	for _, s := range c.lab.Break {
		if s.Fault != nil && !st.Mended && st.InjectorLost == "" {
			out = append(out, *s.Fault)
		}
	}
	return out
}

// recordGap puts on record that the faults are away since control ended.
func (c *Control) recordGap(ctx context.Context) error {
	from := time.Now()
	if own, err := c.eng.Inspect(ctx, Name(c.cfg.ID, RoleControl)); err == nil && !own.FinishedAt.IsZero() {
		from = own.FinishedAt
	}
	return c.keep.set(func(s *State) { s.Gaps = openGap(s.Gaps, from) })
}

// layAgain lays the incident's faults anew, and ends the gap on record.
func (c *Control) layAgain(ctx context.Context, lay []catalog.Fault) error {
	for _, f := range lay {
		// The lab goes on without its fault rather than not at all: grading will
		// say that it cannot be graded any more.
		if _, err := c.uplinks.lay(ctx, f, false, c.injectorLost); err != nil {
			c.injectorLost("it could not be laid again after a restart of control: " + err.Error())
			return nil
		}
	}
	var gap Gap
	err := c.keep.set(func(s *State) {
		s.Gaps = slices.Clone(s.Gaps)
		last := &s.Gaps[len(s.Gaps)-1]
		last.To = time.Now()
		gap = *last
	})
	c.line.add(Event{Actor: "injector", Kind: "fault", Secret: true, Text: "in force again; it was not " + gap.String()})
	return err
}

// Gap is a time in which the injection was not in force, because control had ended.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // zero: it lasts
}

func (g Gap) String() string {
	return fmt.Sprintf("for %.0f s from %s on, when control was started again", math.Ceil(g.To.Sub(g.From).Seconds()), g.From.Format(time.TimeOnly))
}

// openGap adds a gap, unless control had ended again before the last one was over.
func openGap(gaps []Gap, from time.Time) []Gap {
	if n := len(gaps); n > 0 && gaps[n-1].To.IsZero() {
		return gaps
	}
	return append(slices.Clone(gaps), Gap{From: from})
}

// inForce tells whether the injection is in force as far as gaps go, and when it was not.
func inForce(gaps []Gap) (bool, string) {
	text := "in force"
	for i, g := range gaps {
		if g.To.IsZero() {
			return false, "not in force since " + g.From.Format(time.TimeOnly) + ", when control had ended"
		}
		if text += ", and "; i == 0 {
			text = "in force, but not "
		}
		text += g.String()
	}
	return true, text
}
