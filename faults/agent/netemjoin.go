package agent

// join adds to what a band does what another effect does besides delays and losses.
func (a *action) join(b *action) error {
	if a.twice > 0 && b.twice > 0 {
		return errorf(NotSupported, "two faults send packets of the same peer twice; netem sends none a third time")
	}
	a.twice += b.twice
	a.damaged = 1 - (1-a.damaged)*(1-b.damaged)
	if b.order.share > 0 {
		if a.order.share > 0 {
			return errorf(NotSupported, "two faults reorder packets of the same peer; netem has one order for both")
		}
		a.order = b.order
	}
	if b.link.rate > 0 {
		if a.link.rate > 0 {
			return errorf(NotSupported, "two faults limit the rate of the same peer; netem has one bucket for both")
		}
		a.link = b.link
	}
	return nil
}

// check refuses what several bands cannot do together. Each has a bucket of its own, so
// that a rate must not be spread over them. A copy is put in at the root of the tree,
// and since Linux 6.16 (and the stable kernels of that time) the kernel allows that
// only for the sole netem of an interface.
func (p treePlan) check(effects []effect) error {
	bands := map[string]int{} // by effect
	for _, users := range p.users {
		for _, id := range users {
			bands[id]++
		}
	}
	for _, e := range effects {
		switch {
		case e.out.link.rate > 0 && bands[e.id] > 1:
			return errorf(NotSupported, "other faults concern some of the traffic that shares a rate; with netem it would have the rate to itself")
		case e.out.twice > 0 && len(p.bands) > 1:
			return errorf(NotSupported, "netem does not send packets twice beside faults on other peers")
		}
	}
	return nil
}
