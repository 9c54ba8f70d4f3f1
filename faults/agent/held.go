package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"faultlab/faults/engine"
)

// Held is an injection outside any lab that is on.
type Held struct {
	ID       string    `json:"id"`
	Kind     string    `json:"kind"`
	Target   string    `json:"target"`   // name of the container
	Detached bool      `json:"detached"` // held by a helper, not by a command somewhere
	Since    time.Time `json:"since"`
	// What its helper put on record when it became active; of one that a command holds
	// that command alone knows.
	Set      json.RawMessage `json:"set,omitempty"`
	Measured *Measurement    `json:"measured,omitempty"`
	EndsAt   time.Time       `json:"ends_at,omitzero"`

	parts []engine.Container // helper first
}

// ListHeld finds the injections outside any lab, oldest first.
func ListHeld(ctx context.Context, e *engine.Engine) ([]Held, error) {
	cs, err := e.List(ctx, LabelInjection)
	if err != nil {
		return nil, err
	}
	var out []Held
	at := map[string]int{}
	for _, c := range cs {
		id := c.Labels[LabelInjection]
		i, known := at[id]
		if !known {
			i, at[id] = len(out), len(out)
			out = append(out, Held{ID: id, Kind: c.Labels[LabelKind], Target: c.Labels[LabelTarget], Since: c.Created})
		}
		h := &out[i]
		if c.Created.Before(h.Since) {
			h.Since = c.Created
		}
		if c.Labels[labelPart] == "helper" {
			h.Detached = true
			h.parts = append([]engine.Container{c}, h.parts...)
		} else {
			h.parts = append(h.parts, c)
		}
	}
	for i := range out {
		out[i].recall(ctx, e)
	}
	slices.SortStableFunc(out, func(a, b Held) int { return a.Since.Compare(b.Since) })
	return out, nil
}

// recall reads the first entry in a helper's log. An engine that keeps no logs, and a
// helper that is not so far, leave what they would tell empty.
func (h *Held) recall(ctx context.Context, e *engine.Engine) {
	if !h.Detached {
		return
	}
	var log bytes.Buffer // bounded by the helper's LogMaxSize
	_ = e.Logs(ctx, h.parts[0].ID, &log, time.Time{}, false, false)
	var first Entry
	if json.NewDecoder(&log).Decode(&first) == nil {
		h.Set, h.Measured, h.EndsAt = first.Set, first.Measured, first.EndsAt
	}
}

// Revert ends the injection, whoever holds it, and answers when its containers are
// gone. The entry says how it ended, and is empty when nobody told.
func (h Held) Revert(ctx context.Context, e *engine.Engine) (Entry, error) {
	var last Entry
	for _, c := range h.parts {
		entry, err := finish(ctx, e, c)
		if err != nil && !engine.IsNotFound(err) {
			return last, fmt.Errorf("revert %s: %w", h.ID, err)
		}
		if entry.ID != "" {
			last = entry
		}
	}
	return last, nil
}

// finish asks a part to end, reads the entries that it writes meanwhile if it is a
// helper, and waits until its container is gone.
func finish(ctx context.Context, e *engine.Engine, c engine.Container) (Entry, error) {
	var last Entry
	if !c.Running() {
		return last, e.Remove(ctx, c.ID)
	}
	read := make(chan struct{})
	close(read)
	if c.Labels[labelPart] == "helper" {
		out, err := e.Output(ctx, c.ID, &bytes.Buffer{})
		if err != nil {
			return last, err
		}
		defer out.Close()
		read = make(chan struct{})
		go func() {
			defer close(read)
			for dec := json.NewDecoder(out); ; {
				var entry Entry
				if dec.Decode(&entry) != nil {
					return
				}
				last = entry
			}
		}()
	}
	if err := e.Stop(ctx, c.ID, 30*time.Second); err != nil {
		return last, err
	}
	<-read
	for range 100 { // 10 s, then by force
		if _, err := e.Inspect(ctx, c.ID); engine.IsNotFound(err) {
			return last, nil
		}
		if !pause(ctx, 100*time.Millisecond) {
			return last, ctx.Err()
		}
	}
	return last, e.Remove(ctx, c.ID)
}
