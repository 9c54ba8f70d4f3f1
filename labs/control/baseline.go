package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
	"faultlab/labs/sli"
)

// baseline waits until users in every region have been well for a while, and
// takes the inventory that later grading compares with.
func (c *Control) baseline(ctx context.Context, say func(Progress)) error {
	if err := c.setRate(ctx, 1); err != nil {
		return err
	}
	want := baseline[c.cfg.Pace]
	deadline := time.Now().Add(40 * time.Second)
	for {
		if err := c.waitUntil(ctx, c.now().Add(time.Second)); err != nil {
			return err
		}
		now := c.now()
		good := time.Duration(0)
		for good < want && len(c.suffering(now.Add(-good-time.Second), now.Add(-good))) == 0 {
			good += time.Second
		}
		say(Progress{Phase: "baseline", Done: int(good.Seconds()), Of: int(want.Seconds()), Text: fmt.Sprintf("users well for %.0f s", good.Seconds())})
		if good >= want {
			break
		}
		if time.Now().After(deadline) {
			w := c.rec.Window(now.Add(-5*time.Second), now, sli.Filter{})
			return fmt.Errorf("the shop did not become healthy: %s %v", w.Describe(), w.Errs)
		}
	}
	services, err := c.services(ctx)
	if err != nil {
		return err
	}
	inventory := grade.Take(services)
	if c.checks("goods") {
		if inventory.Goods, err = (world{c}).SQL(ctx, grade.GoodsSQL); err != nil {
			return fmt.Errorf("take the inventory: %w", err)
		}
	}
	if names := c.names(); len(names) > 0 {
		if inventory.Names, err = (world{c}).zone(ctx, names); err != nil {
			return fmt.Errorf("take the inventory: %w", err)
		}
	}
	c.line.add(Event{Actor: "system", Kind: "phase", Text: "the shop is healthy"})
	return c.keep.set(func(s *State) { s.HealthyAt, s.Inventory = time.Now(), inventory })
}

// checks tells whether the lab has a check of a kind.
func (c *Control) checks(kind string) bool {
	return slices.ContainsFunc(c.lab.Checks, func(k catalog.Check) bool { return k.Kind == kind })
}

// suffering says in which ways users fall short in a window.
func (c *Control) suffering(from, to time.Time) []string {
	return grade.Suffering(func(f sli.Filter) sli.Window { return c.rec.Window(from, to, f) }, c.lab.Users)
}
