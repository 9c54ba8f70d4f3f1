package control

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
)

// awayHost is the host part of the address that the grader moves a partner to, and
// awayMost how long it may be there at most.
const (
	awayHost = 36
	awayMost = 5 * time.Minute
)

// Move gives the first payment partner another address. The shop's resolver is left as it
// is: lookups of the name are answered on their way there, in every container.
func (w world) Move(ctx context.Context, name string) (func(context.Context) error, error) {
	a, err := w.uplinks.carrier(ctx)
	if err != nil {
		return nil, err
	}
	all, err := w.sites(ctx)
	if err != nil {
		return nil, err
	}
	away := host(w.shop, awayHost)
	var m met
	var mu sync.Mutex
	var wg sync.WaitGroup
	var errs []error
	for _, s := range all {
		wg.Go(func() {
			in, err := a.Inject(ctx, s.id, faults.DNSAddress{Lookups: faults.Lookups{Name: name}, Addresses: []string{away.String()}}, agent.InjectOptions{TTL: awayMost})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("answer lookups of %s: %w", s.name, err))
				return
			}
			m.injections = append(m.injections, in)
		})
	}
	wg.Wait()
	undo := func(ctx context.Context) error { return errors.Join(m.revert(ctx), w.partnersHome(ctx)) }
	if err = errors.Join(errs...); err == nil {
		err = w.placePartner(ctx, partners[0].part, away)
	}
	if err != nil {
		return nil, errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return undo, nil
}

// Charged counts the charges of the first payment partner.
func (w world) Charged(ctx context.Context) (int, error) {
	charges, err := w.charges(ctx, partners[0].part)
	return len(charges), err
}

// partnersHome puts the payment partners where the shop's names have them.
func (c *Control) partnersHome(ctx context.Context) error {
	var errs []error
	for _, p := range partners {
		errs = append(errs, c.placePartner(ctx, p.part, host(c.shop, p.host)))
	}
	return errors.Join(errs...)
}

func (c *Control) placePartner(ctx context.Context, part string, at netip.Addr) error {
	name, network := Name(c.cfg.ID, part), Name(c.cfg.ID, "shop")
	p, err := c.eng.Inspect(ctx, name)
	if err != nil {
		return err
	}
	now, in := p.Networks[network]
	if now == at.String() {
		return nil
	}
	if in {
		if err := c.eng.Disconnect(ctx, network, name); err != nil {
			return err
		}
	}
	return c.eng.Connect(ctx, network, name, at)
}
