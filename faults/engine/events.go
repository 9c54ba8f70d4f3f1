package engine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/events"
)

// Event is something that happened to a container.
type Event struct {
	Time   time.Time
	Action string // create, start, die, oom, stop, destroy, restart, health_status: healthy, ...
	ID     string // of the container
	Name   string
	Labels map[string]string // the container's, and the engine's own facts such as exitCode
}

// Events streams what happens to containers that carry all the labels until ctx
// ends. When the engine drops the stream it is taken up again where it broke
// off. The channel is closed at the end.
func (e *Engine) Events(ctx context.Context, labels ...string) <-chan Event {
	out := make(chan Event, 64)
	go func() {
		defer close(out)
		since := time.Now()
		for ctx.Err() == nil {
			f := labelFilter(labels)
			f.Add("type", "container")
			msgs, errs := e.cli.Events(ctx, events.ListOptions{Filters: f, Since: since.Format(time.RFC3339Nano)})
			for open := true; open; {
				select {
				case m := <-msgs:
					at := time.Unix(0, m.TimeNano)
					if !at.After(since) {
						continue
					}
					since = at
					ev := Event{Time: at, Action: string(m.Action), ID: m.Actor.ID, Name: m.Actor.Attributes["name"], Labels: m.Actor.Attributes}
					select {
					case out <- ev:
					case <-ctx.Done():
						return
					}
				case <-errs:
					open = false
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return out
}
