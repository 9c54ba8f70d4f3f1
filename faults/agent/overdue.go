package agent

import (
	"context"
	"errors"
	"time"
)

const (
	// grace is how long the agent's own clock may be late before it is asked.
	grace = 5 * time.Second
	// answerTime is how long the agent may take to answer that a fault is gone.
	answerTime = 90 * time.Second
)

// timeOver is the reason of what ended by its time to live.
const timeOver = "its time to live was over"

// overdue asks the agent to revert an injection whose time is over and of whose end it
// has not told, and lets the answer decide: a fault that is not known to be gone stays
// active on the record. It says whether the injection has ended.
func (in *Injection) overdue(ctx context.Context) bool {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	inside, up, over, state := in.inside, in.pid != 0, in.over, in.entry.State
	if over || state != Active {
		in.mu.Unlock()
		return state != Active // somebody reverts it
	}
	ctx, in.stop = context.WithTimeout(ctx, answerTime)
	defer in.stop()
	in.mu.Unlock()
	if !up {
		in.conclude(Expired, timeOver)
		return true
	}
	e, err := in.agent.client.Revert(ctx, inside)
	switch {
	case errors.Is(err, &Error{Code: NotFound}): // it ended so long ago that the agent has forgotten it
		in.conclude(Expired, timeOver)
		return true
	case err != nil:
		in.mu.Lock()
		defer in.mu.Unlock()
		if in.entry.State == Active {
			in.entry.Reason = "its time is over, and it is not reverted: " + err.Error()
		}
		return in.entry.State != Active
	}
	in.learn(*e)
	reason := e.Reason
	if e.State != Expired {
		reason = joinReason(timeOver, reason)
	}
	in.conclude(Expired, reason)
	return true
}
