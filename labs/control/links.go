package control

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/labs/places"
)

// links keep the regions as far apart as they are. They are no faults of the incident:
// no owner mends them, no grade counts them, and they are on no timeline.
type links struct {
	c    *Control
	wake chan struct{} // something may have changed
	turn sync.Mutex    // held while they are brought up to date
	laid map[string][]met
}

func newLinks(c *Control) *links {
	return &links{c: c, wake: make(chan struct{}, 1), laid: map[string][]met{}}
}

const (
	// more is how long to wait for other containers once one has started: compose starts
	// them one after the other.
	more = 100 * time.Millisecond
	// linksAgain is when to try again what could not be done.
	linksAgain = time.Second
)

// look has the links brought up to date soon.
func (l *links) look() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// keep brings the links up to date when a container starts or the agent has died, until
// ctx ends. Until that is done a region is too near, which hurts nobody.
func (l *links) keep(ctx context.Context) {
	go func() {
		for ev := range l.c.eng.Events(ctx, label(l.c.cfg.ID), places.Label) {
			if ev.Action == "start" {
				l.look()
			}
		}
	}()
	for {
		again := make(<-chan time.Time)
		if err := l.update(ctx); err != nil && ctx.Err() == nil {
			l.c.log.Warn("a link between regions is not as long as it is to be", "err", err)
			again = time.After(linksAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
		case <-l.wake:
			time.Sleep(more)
		}
	}
}

// update makes the links those of the containers that run now.
func (l *links) update(ctx context.Context) error {
	l.turn.Lock()
	defer l.turn.Unlock()
	a, err := l.c.uplinks.carrier(ctx)
	if err != nil {
		return err
	}
	all, err := l.c.sites(ctx)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	laid := map[string][]met{}
	for _, s := range all {
		want, have := farFrom(s, all, l.c.shop), l.laid[s.id]
		if len(want)+len(have) == 0 {
			continue
		}
		wg.Go(func() {
			now, err := l.lay(ctx, a, s, want, have)
			mu.Lock()
			defer mu.Unlock()
			laid[s.id] = now
			if err != nil && !l.gone(ctx, s.id) {
				errs = append(errs, err)
			}
		})
	}
	wg.Wait()
	l.laid = laid
	return errors.Join(errs...)
}

// gone tells whether a container does not run, and needs no link.
func (l *links) gone(ctx context.Context, id string) bool {
	c, err := l.c.eng.Inspect(ctx, id)
	return engine.IsNotFound(err) || err == nil && !c.Running()
}

// lay makes the links of one container those that are wanted, and gives those it has.
func (l *links) lay(ctx context.Context, a *agent.Agent, s site, want []far, have []met) ([]met, error) {
	var now []met
	var errs []error
	for _, old := range have {
		if slices.ContainsFunc(want, old.equal) && !slices.ContainsFunc(old.injections, ended) {
			now = append(now, old)
			continue
		}
		errs = append(errs, old.revert(context.WithoutCancel(ctx)))
	}
	for _, f := range want {
		if slices.ContainsFunc(now, func(o met) bool { return o.equal(f) }) {
			continue
		}
		x, err := l.put(ctx, a, s, f)
		if err != nil {
			errs = append(errs, fmt.Errorf("put %s %v away from %s: %w", s.name, places.RTT(s.region, f.region), f.region, err))
			continue
		}
		now = append(now, x)
	}
	return now, errors.Join(errs...)
}

// put makes one link of a container: all of it, or nothing.
func (l *links) put(ctx context.Context, a *agent.Agent, s site, f far) (met, error) {
	x := met{far: f}
	for _, p := range f.peers {
		in, err := a.Inject(ctx, s.id, f.latency(s.region, p), agent.InjectOptions{TTL: l.c.cfg.TTL, Probes: p.probe})
		if err != nil {
			return met{}, errors.Join(err, x.revert(context.WithoutCancel(ctx)))
		}
		x.injections = append(x.injections, in)
	}
	return x, nil
}

func ended(in *agent.Injection) bool { return in.Status().State != agent.Active }
