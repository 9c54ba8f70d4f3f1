// Package traffic plays the shop's users and records what they see.
//
// It is open-loop: requests arrive when the seeded plan says so, however slow
// the answers are. Bodies are checked, and whatever keeps a user from the
// right page in time counts as a failure. Nothing is retried.
package traffic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// MaxRate is the highest rate that can be set, in requests per second.
const MaxRate = 10_000

// maxBehind is how far arrivals may fall behind their plan, for want of CPU or
// because the process was paused, before the plan is moved instead.
const maxBehind = 2 * time.Second

// Config says whom to send what.
type Config struct {
	Edge           string        // host:port where users enter
	Edge6          string        // the same over IPv6; "": all users come over IPv4
	Rate           float64       // arrivals per second at the start; 0 = paused, up to MaxRate
	Seed           uint64        // of the plan
	Shape          Shape         // of the plan
	Timeout        time.Duration // a user's patience; 0 = 3s
	MaxOutstanding int           // requests under way at most, further ones fail; 0 = 5000
}

// Status is how the generator stands.
type Status struct {
	TargetRate  float64 `json:"target_rate"`
	Sent        int     `json:"sent"`        // arrivals since the start
	Outstanding int     `json:"outstanding"` // of these, not ended yet
	Seed        uint64  `json:"seed"`
	Edge        string  `json:"edge"`
	Edge6       string  `json:"edge6,omitempty"`
}

// Generator sends requests and writes a line of JSON per second.
type Generator struct {
	config Config
	out    io.Writer
	tally  *tally
	users  map[way]*users
	rates  chan rateChange
	done   chan struct{}
}

// way is how users come: from a region, over a version of IP.
type way struct{ region, ip string }

type rateChange struct {
	rate    float64
	changed chan struct{}
}

// New checks the configuration; nothing is sent before Run.
func New(c Config, out io.Writer) (*Generator, error) {
	if c.Timeout == 0 {
		c.Timeout = 3 * time.Second
	}
	if c.MaxOutstanding == 0 {
		c.MaxOutstanding = 5000
	}
	switch {
	case c.Edge == "":
		return nil, fmt.Errorf("edge is empty; want host:port")
	case c.Timeout < 0:
		return nil, fmt.Errorf("timeout is %v; want above 0", c.Timeout)
	case c.MaxOutstanding < 0:
		return nil, fmt.Errorf("max outstanding is %d; want above 0", c.MaxOutstanding)
	}
	if err := errors.Join(checkRate(c.Rate), c.Shape.check()); err != nil {
		return nil, err
	}
	g := &Generator{
		config: c, out: out, tally: newTally(time.Now), users: map[way]*users{},
		rates: make(chan rateChange), done: make(chan struct{}),
	}
	run, count, pages := newRun(), new(atomic.Int64), newKnown()
	for _, region := range regions {
		for ip, edge := range map[string]string{IPv4: c.Edge, IPv6: cmp.Or(c.Edge6, c.Edge)} {
			g.users[way{region.value, ip}] = newUsers(region.value, edge, run, c.Timeout, count, pages)
		}
	}
	return g, nil
}

func checkRate(rate float64) error {
	if !(rate >= 0 && rate <= MaxRate) {
		return fmt.Errorf("rate is %v; want 0 (paused) to %d", rate, MaxRate)
	}
	return nil
}

// Run sends and writes until ctx ends or a line cannot be written. Requests
// under way at the end are dropped and not counted as ended. Run once.
func (g *Generator) Run(ctx context.Context) error {
	defer close(g.done)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.tally.setRate(g.config.Rate)
	var arrivals sync.WaitGroup
	arrivals.Go(func() { g.arrive(ctx) })
	err := g.write(ctx)
	cancel()
	arrivals.Wait()
	if err != nil {
		return err
	}
	return g.print(g.tally.rest())
}

// SetRate changes the rate; it is in force when SetRate returns. 0 pauses.
func (g *Generator) SetRate(ctx context.Context, rate float64) error {
	if err := checkRate(rate); err != nil {
		return err
	}
	change := rateChange{rate: rate, changed: make(chan struct{})}
	select {
	case g.rates <- change:
		<-change.changed
		return nil
	case <-g.done:
		return fmt.Errorf("set rate: traffic has ended")
	case <-ctx.Done():
		return fmt.Errorf("set rate: %w", ctx.Err())
	}
}

// Status says how the generator stands now.
func (g *Generator) Status() Status {
	g.tally.mu.Lock()
	defer g.tally.mu.Unlock()
	return Status{
		TargetRate: g.tally.rate, Sent: g.tally.total, Outstanding: g.tally.outstanding,
		Seed: g.config.Seed, Edge: g.config.Edge, Edge6: g.config.Edge6,
	}
}

// arrive sends each request of the plan when it is due.
func (g *Generator) arrive(ctx context.Context) {
	plan := NewPlan(g.config.Seed, g.config.Shape)
	next := g.next(plan)
	rate, left, since := g.config.Rate, next.Gap, time.Now() // left: mean gaps still to wait, from since
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due := since.Add(duration(left, rate))
		var fire <-chan time.Time
		if rate > 0 {
			timer.Reset(time.Until(due))
			fire = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case change := <-g.rates:
			now := time.Now()
			left = max(0, left-now.Sub(since).Seconds()*rate)
			since, rate = now, change.rate
			g.tally.setRate(rate)
			close(change.changed)
		case <-fire:
			lag := time.Since(due)
			g.start(ctx, next, lag)
			next = g.next(plan)
			left, since = next.Gap, due
			if lag > maxBehind {
				since = time.Now()
			}
		}
	}
}

// next is what the plan has next. Where there is no way in over IPv6, all come over IPv4.
func (g *Generator) next(p *Plan) Request {
	r := p.Next()
	if g.config.Edge6 == "" {
		r.IP = IPv4
	}
	return r
}

func duration(gaps, rate float64) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(gaps / rate * float64(time.Second))
}

// start lets one request run; too many under way is a failure of the system
// the users wait for, so it counts as a user who waited in vain.
func (g *Generator) start(ctx context.Context, r Request, lag time.Duration) {
	if g.tally.arrived(lag) > g.config.MaxOutstanding {
		g.tally.ended(r, overflowed, g.config.Timeout, nil)
		return
	}
	began := time.Now()
	go func() {
		o, placed := g.users[way{r.Region, r.IP}].send(ctx, r)
		if ctx.Err() == nil {
			g.tally.ended(r, o, time.Since(began), placed)
		}
	}()
}

// write prints each second as soon as it is over.
func (g *Generator) write(ctx context.Context) error {
	for {
		now := time.Now()
		boundary := now.Truncate(time.Second).Add(time.Second + time.Millisecond)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(boundary.Sub(now)):
		}
		if err := g.print(g.tally.take()); err != nil {
			return err
		}
	}
}

func (g *Generator) print(seconds []Second) error {
	for _, s := range seconds {
		line, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode second: %w", err)
		}
		if _, err := g.out.Write(append(line, '\n')); err != nil {
			return fmt.Errorf("write second: %w", err)
		}
	}
	return nil
}
