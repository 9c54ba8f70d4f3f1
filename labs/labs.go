// Package labs runs incidents: it starts, finds, drives, verifies and stops labs
// on a Docker Engine. Each function is what one verb of the command does; the
// work inside a lab is done by package control in the lab's own container.
package labs

import (
	"context"
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/control"
	"faultlab/labs/endpoint"
)

// Running is a lab on the engine.
type Running struct {
	ID        string    `json:"id"`
	Scenario  string    `json:"scenario"`
	State     string    `json:"state"` // running; stopped (control does not run); leftover (no control at all)
	Objects   int       `json:"containers"`
	StartedAt time.Time `json:"started_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Problem is an error with what the user can do about it.
type Problem = control.Problem

func refuse(message, remedy string) error { return &Problem{Message: message, Remedy: remedy} }

// List tells which labs there are, oldest first, half-removed ones too.
func List(ctx context.Context, e *engine.Engine) ([]Running, error) {
	cs, err := e.List(ctx, endpoint.LabelLab)
	if err != nil {
		return nil, err
	}
	byID := map[string]*Running{}
	at := func(id string) *Running {
		if byID[id] == nil {
			byID[id] = &Running{ID: id, State: "leftover"}
		}
		return byID[id]
	}
	for _, c := range cs {
		r := at(c.Labels[endpoint.LabelLab])
		r.Objects++
		if c.Labels[endpoint.LabelRole] != control.RoleControl {
			continue
		}
		r.Scenario, r.State, r.StartedAt = c.Labels[control.LabelScenario], "stopped", c.Created
		if c.Running() {
			r.State = "running"
		}
		if cfg, err := control.FromEnv(c.Env); err == nil {
			r.StartedAt, r.ExpiresAt = cfg.CreatedAt, cfg.CreatedAt.Add(cfg.TTL)
		}
	}
	// A lab may have been cut down to its networks or volumes.
	nets, err := e.Networks(ctx, endpoint.LabelLab)
	if err != nil {
		return nil, err
	}
	for _, n := range nets {
		at(n.Labels[endpoint.LabelLab])
	}
	vols, err := e.Volumes(ctx, endpoint.LabelLab)
	if err != nil {
		return nil, err
	}
	for _, v := range vols {
		at(v.Labels[endpoint.LabelLab])
	}
	var out []Running
	for _, r := range byID {
		out = append(out, *r)
	}
	sort.Slice(out, func(i, j int) bool {
		return out[i].StartedAt.Before(out[j].StartedAt) || out[i].StartedAt.Equal(out[j].StartedAt) && out[i].ID < out[j].ID
	})
	return out, nil
}

// Find chooses the lab meant by id, or the only one if id is empty, and connects
// to its control. A control that was stopped is started again: the lab goes on.
func Find(ctx context.Context, e *engine.Engine, id string) (*Lab, error) {
	all, err := List(ctx, e)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range all {
		if r.State != "leftover" {
			ids = append(ids, r.ID)
		}
	}
	if id == "" {
		switch len(ids) {
		case 0:
			return nil, refuse("no lab is running", "start one: faultlab start s3")
		case 1:
			id = ids[0]
		default:
			return nil, refuse(fmt.Sprintf("%d labs are running", len(ids)), "say which with --id: "+strings.Join(ids, ", "))
		}
	}
	c, err := e.Inspect(ctx, control.Name(id, control.RoleControl))
	if engine.IsNotFound(err) {
		return nil, refuse(fmt.Sprintf("there is no lab %q", id), "faultlab ps lists the labs")
	}
	if err != nil {
		return nil, err
	}
	l := &Lab{ID: id, Engine: e, http: &http.Client{}}
	if l.Config, err = control.FromEnv(c.Env); err != nil {
		return nil, err
	}
	if !c.Running() && c.State != "restarting" {
		if err := e.Start(ctx, c.ID); err != nil {
			return nil, err
		}
		l.Resumed = true
	}
	return l, l.ready(ctx)
}
