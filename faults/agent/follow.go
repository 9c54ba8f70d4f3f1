package agent

import (
	"context"
	"slices"
	"strings"
	"time"

	"faultlab/faults/engine"
)

// follow passes news from the engine and from the agent on to the injections,
// and cleans up when the agent dies.
func (a *Agent) follow(ctx context.Context, events <-chan engine.Event) {
	defer a.stop() // ends the engine's events as well
	news := a.client.Events()
	for {
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-events:
			if !ok {
				return
			}
			switch ev.Action {
			case "start", "die", "destroy", "unpause":
				for _, in := range a.injections() {
					if in.on() == ev.ID {
						in.nudge()
					}
				}
			}
		case e, ok := <-news:
			if !ok {
				a.died(ctx)
				return
			}
			a.hear(e)
		}
	}
}

func (a *Agent) injections() []*Injection {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

// hear acts on an injection that the agent ended by itself.
func (a *Agent) hear(e Entry) {
	i := strings.LastIndexByte(e.ID, '.')
	if i < 0 {
		return
	}
	for _, in := range a.injections() {
		in.mu.Lock()
		inside := in.inside
		in.mu.Unlock()
		if inside == e.ID {
			in.learn(e)
		}
		if in.id != e.ID[:i] {
			continue
		}
		switch {
		case e.State == Expired && inside == e.ID:
			in.conclude(Expired, e.Reason)
		case e.State == Lost:
			in.nudge() // its process is gone; the container may have another
		}
	}
}

// sweptBackends leave something behind when their agent is killed and its keeper as well.
var sweptBackends = []string{"netem", "postgresql"}

// died waits until every injection is on the record as lost, and removes what
// back-ends leave behind when their agent is killed.
func (a *Agent) died(ctx context.Context) {
	if ctx.Err() != nil {
		return // it was closed
	}
	var pids []int
	for _, in := range a.injections() {
		in.mu.Lock()
		if in.entry.State == Active && slices.Contains(sweptBackends, in.entry.Backend) && in.pid != 0 {
			pids = append(pids, in.pid)
		}
		in.mu.Unlock()
		in.lost(agentEnded)
	}
	if len(pids) == 0 {
		return
	}
	slices.Sort(pids)
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	id, client, err := run(clean, a.opts, "")
	if err != nil {
		return // no agent can be run any more; the next one that is sweeps
	}
	_, _ = client.Sweep(clean, slices.Compact(pids)...)
	_ = end(clean, a.opts.Engine, client, id)
}

// end closes an agent's stdin and waits until its container is gone.
func end(ctx context.Context, e *engine.Engine, client *Client, id string) error {
	_ = client.Close()
	for range 100 { // 10 s, then by force
		if _, err := e.Inspect(ctx, id); engine.IsNotFound(err) {
			return nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			break
		}
	}
	return e.Remove(context.WithoutCancel(ctx), id)
}

// bornWithin is how long a maker may take to start what it has created.
const bornWithin = time.Minute

// sweepOrphans removes containers of agents and helpers whose makers were killed before
// they started them, and those that have ended and were not removed by the engine.
func sweepOrphans(ctx context.Context, e *engine.Engine) error {
	cs, err := e.List(ctx, labelPart)
	if err != nil {
		return err
	}
	for _, c := range cs {
		unborn := c.State == "created" && time.Since(c.Created) > bornWithin
		if over := c.State == "exited" || c.State == "dead"; !unborn && !over {
			continue
		}
		if err := e.Remove(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}
