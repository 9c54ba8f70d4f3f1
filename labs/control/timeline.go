package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Event is one line of the timeline.
type Event struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"` // system, trainee, pager, grader, injector, or a team's name
	Kind  string    `json:"kind"`  // phase, break, page, look, change, escalation, reply, diagnosis, grade, container, alert, ticket
	Text  string    `json:"text"`
	// Labels are those of the alert that the pager was told of.
	Labels map[string]string `json:"labels,omitempty"`
	// Secret events tell the answer: they are shown only after the end.
	Secret bool `json:"secret,omitempty"`
}

// timeline is kept in memory and, line by line, on control's volume.
type timeline struct {
	mu     sync.Mutex
	file   *os.File
	events []Event
}

func openTimeline(dir string) (*timeline, error) {
	path := filepath.Join(dir, "timeline.jsonl")
	t := &timeline{}
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the timeline: %w", err)
	}
	for line := range bytes.Lines(b) {
		var e Event
		if json.Unmarshal(line, &e) == nil { // else a line cut off by a kill
			t.events = append(t.events, e)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the timeline: %w", err)
	}
	t.file = f
	if len(b) > 0 && b[len(b)-1] != '\n' {
		// What comes next must not be lost with the line that was cut off.
		if _, err := f.WriteString("\n"); err != nil {
			return nil, fmt.Errorf("mend the timeline: %w", err)
		}
	}
	return t, nil
}

func (t *timeline) add(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.At.IsZero() {
		e.At = time.Now()
	}
	t.events = append(t.events, e)
	if b, err := json.Marshal(e); err == nil {
		t.file.Write(append(b, '\n'))
	}
}

// list gives the events, without those that tell the answer unless asked.
func (t *timeline) list(secrets bool) []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := []Event{}
	for _, e := range t.events {
		if secrets || !e.Secret {
			out = append(out, e)
		}
	}
	return out
}
