package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"
)

// How long a fault waits for those that were there before it, and one that would hide
// them does.
const (
	patience       = 3 * time.Second
	hidingPatience = 30 * time.Second
)

// hiding are the kinds behind which another fault cannot be proved.
var hiding = []string{faults.BlackHole{}.Kind(), faults.Partition{}.Kind(), faults.Reject{}.Kind(), faults.Reset{}.Kind(), faults.Pause{}.Kind()}

// ending are the kinds that end the target's life, and wait for all others.
var ending = []string{faults.CrashLoop{}.Kind()}

// first are those of a list, in the order they were asked for, that are put back before
// in: each was proved with all of them in place, and can be again.
func (in *Injection) first(list []*Injection) (out []*Injection) {
	last, target := slices.Contains(ending, in.kind()), in.on()
	for _, o := range list {
		switch {
		case o == in && !last:
			return out
		case o != in && o.on() == target && !slices.Contains(ending, o.kind()):
			out = append(out, o)
		}
	}
	return out
}

func (in *Injection) kind() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.entry.Kind
}

// settled says whether nothing is to be done for this life of the target any more: the
// fault is there, or has ended.
func (in *Injection) settled(pid int) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.entry.State != Active || in.pid == pid
}

// await waits until the faults that come first are settled.
func (in *Injection) await(ctx context.Context, pid int) {
	wait := patience
	if slices.Contains(hiding, in.kind()) {
		wait = hidingPatience
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for _, o := range in.first(in.agent.injections()) {
		for !o.settled(pid) && pause(ctx, 5*time.Millisecond) {
		}
	}
}

// look finds out what has become of the target and puts the fault back.
func (in *Injection) look(ctx context.Context) {
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	ctx, in.stop = context.WithDeadline(ctx, in.end)
	defer in.stop()
	in.mu.Unlock()
	var last error
	for try := range 20 {
		if try > 0 {
			select {
			case <-in.agent.client.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
		in.mu.Lock()
		state, pid, left, over := in.entry.State, in.pid, time.Until(in.end), in.over
		in.mu.Unlock()
		if state != Active || over {
			return
		}
		if left <= 0 {
			if pid == 0 {
				in.conclude(Expired, timeOver)
			}
			return // what is still there ends when the agent says so
		}
		c, err := in.agent.opts.Engine.Inspect(ctx, in.on())
		switch {
		case engine.IsNotFound(err):
			last = err
			ok, why := in.succeeded(ctx)
			if !ok {
				in.lost(why)
				return
			}
			continue
		case err != nil:
			last = err
			continue
		case !c.Running() || c.Pid == 0:
			in.down("the target stopped")
			return // its start will wake us
		case c.Pid == pid:
			return
		case c.HostNetwork:
			in.lost("the container shares the host's network now")
			return
		}
		in.down("the target was restarted")
		in.mu.Lock()
		in.entry.RequestedAt = time.Now().UTC()
		in.mu.Unlock()
		in.await(ctx, c.Pid)
		if last = in.placeLocked(ctx, c, time.Until(in.end)); last == nil {
			return
		}
		if errors.Is(last, &Error{Code: Dead}) {
			return // the follower sees it as well
		}
	}
	in.lost(notPutBack + last.Error())
}
