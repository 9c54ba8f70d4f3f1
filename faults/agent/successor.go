package agent

import (
	"context"
	"fmt"
	"time"
)

// madeAnew is how long a container that was removed may take to be there again:
// docker compose up --force-recreate removes, renames and starts within a second.
const madeAnew = 10 * time.Second

// succeeded waits, where the injection follows a name, for a container that takes the
// name of the one that was removed, and makes it the target. It is false when none
// came, or none that may be touched, and why says so.
func (in *Injection) succeeded(ctx context.Context) (ok bool, why string) {
	const removed = "the container was removed"
	if in.follows == "" {
		return false, removed
	}
	old := in.on()
	in.down(removed)
	in.mu.Lock()
	in.entry.Reason = removed + "; waiting for another of its name"
	in.mu.Unlock()
	why = fmt.Sprintf("%s, and none that runs has taken its name within %v", removed, madeAnew)
	for end := time.Now().Add(madeAnew); time.Now().Before(end); {
		c, err := in.agent.opts.Engine.Inspect(ctx, in.follows)
		if err == nil && c.Name == in.follows && c.ID != old && c.Running() && c.Pid != 0 {
			if err := admissible(c, in.agent.opts.TargetLabel, in.opts.AnyTarget); err != nil {
				return false, removed + ", and its successor is refused: " + err.Error()
			}
			in.mu.Lock()
			in.target = c.ID
			in.mu.Unlock()
			return true, ""
		}
		select {
		case <-in.agent.client.Done():
			return true, "" // the follower sees it as well
		default:
		}
		if !pause(ctx, 100*time.Millisecond) {
			return true, "" // reverted, or its time is over
		}
	}
	return false, why
}

// on is the id of the container that is the target now.
func (in *Injection) on() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.target
}
