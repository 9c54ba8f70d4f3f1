package control

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/places"
)

// uplinks lays faults on the uplinks of places and on the links between regions. A
// fault meets every container that runs there, also those created there later; one
// that is created in another place is out of it.
type uplinks struct {
	c  *Control
	mu sync.Mutex

	agent *agent.Agent
	laid  []*laid
}

// laid is one fault on one uplink or link.
type laid struct {
	spec catalog.Fault
	on   map[string]met   // by container id
	test bool             // the grader's own, not the incident's
	lost func(why string) // called once when the fault broke off
}

// met is what one container has of it.
type met struct {
	far
	injections []*agent.Injection
}

func newUplinks(c *Control) *uplinks { return &uplinks{c: c} }

// carrier brings the agent up, if it is not, and gives it.
func (u *uplinks) carrier(ctx context.Context) (*agent.Agent, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.up(ctx); err != nil {
		return nil, err
	}
	return u.agent, nil
}

// up is carrier for a caller that holds the lock.
func (u *uplinks) up(ctx context.Context) error {
	if u.agent != nil {
		select {
		case <-u.agent.Done():
			u.ended()
		default:
			return nil
		}
	}
	if err := u.c.eng.Remove(ctx, Name(u.c.cfg.ID, RoleAgent)); err != nil {
		return err
	}
	a, err := agent.Start(ctx, u.c.agentOptions())
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	u.agent = a
	go u.watch(a)
	return nil
}

// watch waits for the agent's end.
func (u *uplinks) watch(a *agent.Agent) {
	<-a.Done()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.agent == a {
		u.ended()
	}
}

// ended puts the end of every fault on the record when the agent has died: its
// effects are gone with it. The caller holds the lock.
func (u *uplinks) ended() {
	gone := u.laid
	u.agent, u.laid = nil, nil
	for _, l := range gone {
		l.lost("the injector ended")
	}
	u.c.links.look()
}

// lay puts a fault on an uplink or a link. It answers when the effect was seen on
// every container there.
func (u *uplinks) lay(ctx context.Context, spec catalog.Fault, test bool, lost func(string)) (*laid, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.up(ctx); err != nil {
		return nil, err
	}
	l := &laid{spec: spec, on: map[string]met{}, test: test, lost: lost}
	all, err := u.c.sites(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range meetings(spec, all, u.c.shop) {
		if err := u.inject(ctx, l, m); err != nil {
			return nil, errors.Join(err, l.revert(context.WithoutCancel(ctx)))
		}
	}
	u.laid = append(u.laid, l)
	return l, nil
}

func (u *uplinks) inject(ctx context.Context, l *laid, m meeting) error {
	for _, p := range m.peers {
		f, err := l.spec.Toward(p.peer)
		if err != nil {
			return err
		}
		inj, err := u.agent.Inject(ctx, m.id, f, agent.InjectOptions{
			TTL: u.c.cfg.TTL, Seed: u.c.cfg.Seed, SeedOptional: true, Probes: p.probe,
		})
		if err != nil {
			return fmt.Errorf("lay %s on %s: %w", l.spec.Kind, m.name, err)
		}
		l.on[m.id] = met{m.far, append(l.on[m.id].injections, inj)}
		st := inj.Status()
		u.c.line.add(Event{Actor: "injector", Kind: "fault", Secret: true,
			Text: fmt.Sprintf("%s on %s by %s, measured: %+v", l.spec.Kind, m.name, st.Backend, st.Measured)})
	}
	return nil
}

// revert takes the fault away from every container; one that is gone is no error.
func (l *laid) revert(ctx context.Context) error {
	var errs []error
	for _, m := range l.on {
		errs = append(errs, m.revert(ctx))
	}
	return errors.Join(errs...)
}

func (m met) revert(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var errs []error
	for _, in := range m.injections {
		errs = append(errs, in.Revert(ctx))
	}
	return errors.Join(errs...)
}

// take removes a fault that was laid.
func (u *uplinks) take(ctx context.Context, l *laid) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i, x := range u.laid {
		if x == l {
			u.laid = append(u.laid[:i:i], u.laid[i+1:]...)
			break
		}
	}
	return l.revert(ctx)
}

// follow keeps faults with their places: a container that starts in a place meets
// what is laid there. (The agent itself follows one that is merely restarted.)
func (u *uplinks) follow(ctx context.Context) {
	for ev := range u.c.eng.Events(ctx, label(u.c.cfg.ID)) {
		place := ev.Labels[places.Label]
		if ev.Action != "start" || place == "" {
			continue
		}
		u.mu.Lock()
		for _, l := range u.laid {
			if u.agent != nil && (l.spec.Link != "" || l.spec.Uplink == place) {
				u.extend(ctx, l)
			}
		}
		u.mu.Unlock()
	}
}

// extend puts a fault on those who meet it now and did not before. On a link those who
// have it may have got another other end.
func (u *uplinks) extend(ctx context.Context, l *laid) {
	all, err := u.c.sites(ctx)
	if err != nil {
		u.c.log.Warn("a fault cannot follow its place", "err", err)
		return
	}
	for _, m := range meetings(l.spec, all, u.c.shop) {
		old, has := l.on[m.id]
		if has && old.equal(m.far) {
			continue
		}
		var err error
		if has {
			err = old.revert(ctx)
			delete(l.on, m.id)
		}
		if err == nil {
			err = u.inject(ctx, l, m)
		}
		if err != nil && ctx.Err() == nil && !engine.IsNotFound(err) {
			u.c.log.Warn("a fault could not follow its place", "container", m.name, "err", err)
			// A container that runs on without it is not what the incident was.
			if c, ierr := u.c.eng.Inspect(ctx, m.id); ierr == nil && c.Running() && c.StartedAt.Equal(m.started) {
				l.lost("it could not follow its place")
			}
		}
	}
}

// close takes every fault away and ends the agent.
func (u *uplinks) close(ctx context.Context) {
	u.mu.Lock()
	a := u.agent
	u.agent, u.laid = nil, nil
	u.mu.Unlock()
	if a != nil {
		if err := a.Close(ctx); err != nil {
			u.c.log.Warn("the agent did not end in order", "err", err)
		}
	}
}

// beat asks the agent for a sign of life.
func (u *uplinks) beat() error {
	u.mu.Lock()
	a, n := u.agent, 0
	for _, l := range u.laid {
		if !l.test {
			n++
		}
	}
	u.mu.Unlock()
	if n == 0 {
		return errors.New("no fault is laid")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return a.Ping(ctx)
}

// mend takes the incident's faults away, as the owner of the links would.
func (u *uplinks) mend(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	var errs []error
	var left []*laid
	for _, l := range u.laid {
		if l.test {
			left = append(left, l)
			continue
		}
		errs = append(errs, l.revert(ctx))
	}
	u.laid = left
	return errors.Join(errs...)
}
