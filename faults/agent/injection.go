package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"faultlab/faults/engine"
)

// Injection is one fault in one container. It follows the container through
// restarts until it is reverted, expires, or the container is removed. One whose end
// the agent does not confirm stays active on the record.
type Injection struct {
	agent   *Agent
	id      string
	follows string // name of the container, if one that takes it is the target then
	opts    InjectOptions
	params  json.RawMessage // of the fault, secrets included
	kick    chan struct{}   // something may have happened to the target
	quit    chan struct{}   // closed when it has ended; the follower goes
	once    sync.Once

	turn sync.Mutex // held while something is done to the target

	mu     sync.Mutex
	target string // full id of the container
	entry  Entry
	past   []Entry // how it ended in earlier lives of the target
	inside string  // id in the agent, of this life of the target
	pid    int     // of this life; 0 while the target is down
	lives  int
	end    time.Time
	stop   context.CancelFunc // of what puts the fault back; nil: nothing does
	over   bool               // somebody wants it reverted
}

// ID is the injection's name in the journal.
func (in *Injection) ID() string { return in.id }

// Status is the injection's entry in the journal, with packet counts of now
// where the agent answers.
func (in *Injection) Status() Entry {
	in.mu.Lock()
	e, inside := in.entry, in.inside
	in.mu.Unlock()
	if e.State != Active {
		return e
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	list, _ := in.agent.client.Status(ctx) // without the agent the counts are older
	for _, s := range list {
		if s.ID == inside {
			e.Packets, e.Notes = s.Packets, s.Notes
		}
	}
	return e
}

// place puts the fault into this life of the target.
func (in *Injection) place(ctx context.Context, c engine.Container, ttl time.Duration) error {
	in.turn.Lock()
	defer in.turn.Unlock()
	return in.placeLocked(ctx, c, ttl)
}

func (in *Injection) placeLocked(ctx context.Context, c engine.Container, ttl time.Duration) error {
	in.mu.Lock()
	in.lives++
	inside := fmt.Sprintf("%s.%d", in.id, in.lives)
	req := InjectRequest{ID: inside, Kind: in.entry.Kind, Params: in.params, Target: c.ID, PID: c.Pid,
		TTL: ttl.String(), Seed: cmp.Or(in.entry.Seed, in.opts.Seed), SeedOptional: in.opts.SeedOptional, Probes: in.opts.Probes}
	in.mu.Unlock()
	e, err := in.agent.client.Inject(ctx, req)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	e.ID, e.RequestedAt = in.id, in.entry.RequestedAt
	before := in.entry.Packets
	in.entry, in.inside, in.pid = *e, inside, c.Pid
	if in.end.IsZero() {
		in.end = e.EndsAt
	}
	if e.State == Lost { // the fault has ended this life, and waits for the next
		in.past = append(in.past, *e)
		in.pid, in.inside = 0, ""
		in.entry.State, in.entry.Reason, in.entry.RevertedAt = Active, waiting, time.Time{}
		in.entry.Packets.Hit += before.Hit
		in.entry.Packets.Dropped += before.Dropped
	}
	return nil
}

// waiting is the reason of a fault whose target is down.
const waiting = "waiting for the target to run again"

// Revert takes the fault away and answers when a probe has seen it gone. Once
// it has ended, in whatever way, Revert does nothing and is no error.
func (in *Injection) Revert(ctx context.Context) error {
	in.mu.Lock()
	in.over = true
	if in.stop != nil {
		in.stop()
	}
	in.mu.Unlock()
	in.turn.Lock()
	defer in.turn.Unlock()
	in.mu.Lock()
	state, inside, up := in.entry.State, in.inside, in.pid != 0
	in.mu.Unlock()
	if state != Active {
		return nil
	}
	if !up {
		in.finish(Reverted, "the target was down")
		return nil
	}
	e, err := in.agent.client.Revert(ctx, inside)
	if errors.Is(err, &Error{Code: Dead}) {
		return nil // the effect went with the agent; the follower puts it on the record
	}
	in.mu.Lock()
	in.over = err == nil
	in.mu.Unlock()
	if err != nil {
		return err
	}
	in.learn(*e)
	in.finish(e.State, e.Reason)
	return nil
}

// learn takes over what the agent has put on the record at the end.
func (in *Injection) learn(e Entry) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.entry.Packets, in.entry.Notes, in.entry.Gone, in.entry.Unmeasured = e.Packets, e.Notes, e.Gone, e.Unmeasured
}

// finish puts the end on the record.
func (in *Injection) finish(state State, reason string) (Entry, bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.entry.State != Active {
		return in.entry, false
	}
	in.entry.State, in.entry.Reason, in.entry.RevertedAt = state, reason, time.Now().UTC()
	in.once.Do(func() { close(in.quit) })
	return in.entry, true
}

// follow keeps the fault on the target from one life to the next.
func (in *Injection) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	in.mu.Lock()
	ttl := time.NewTimer(time.Until(in.end))
	in.mu.Unlock()
	defer ttl.Stop()
	late := false
	for {
		select {
		case <-in.quit:
			return
		case <-in.agent.client.Done():
			in.lost(agentEnded)
			return
		case <-ttl.C:
			in.mu.Lock()
			up := in.pid != 0
			in.mu.Unlock()
			if up && !late { // the agent's own clock comes first
				late = true
				ttl.Reset(grace)
				continue
			}
			if in.overdue(ctx) {
				return
			}
			ttl.Reset(grace)
		case <-in.kick:
			in.look(ctx)
		}
	}
}

// down records that this life of the target is over.
func (in *Injection) down(reason string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.pid == 0 {
		return
	}
	e := in.entry
	e.State, e.Reason, e.RevertedAt = Lost, reason, time.Now().UTC()
	in.past = append(in.past, e)
	in.pid = 0
	in.entry.Reason = waiting
	in.entry.Packets, in.entry.Measured = Packets{}, nil
}

func (in *Injection) lost(reason string) { in.conclude(Lost, reason) }

// conclude ends the injection and tells whoever listens.
func (in *Injection) conclude(state State, reason string) {
	if e, now := in.finish(state, reason); now {
		in.agent.tell(e)
	}
}

// nudge makes the follower look.
func (in *Injection) nudge() {
	select {
	case in.kick <- struct{}{}:
	default:
	}
}
