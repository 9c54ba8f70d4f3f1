package agent

import (
	"errors"
	"net/netip"
)

func (s *linuxSpace) retarget(id string, prefixes []netip.Prefix) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.order {
		if s.order[i].id == id {
			s.order[i].match.prefixes = prefixes
		}
	}
	var errs []error
	if s.netem != nil && s.netem.has(id) {
		for i := range s.netem.list {
			if s.netem.list[i].id == id {
				s.netem.list[i].match.prefixes = prefixes
			}
		}
		errs = append(errs, s.netem.update())
	}
	if s.queue != nil {
		errs = append(errs, s.queue.retarget(id, prefixes), s.cuts.retarget(id, prefixes))
	}
	return errors.Join(errs...)
}

// retarget changes the matching first, then the rules in one step: what stays is
// matched by both all the time.
func (q *queue) retarget(id string, prefixes []netip.Prefix) error {
	if !q.pipe.retarget(id, prefixes) {
		return nil
	}
	return q.rules.set(q.pipe.effects(), q.num)
}

func (p *pipeline) retarget(id string, prefixes []netip.Prefix) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stages {
		if s.id == id {
			s.match.prefixes = prefixes
			return true
		}
	}
	return false
}
