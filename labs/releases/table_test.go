package main

import (
	"slices"
	"testing"

	"faultlab/targets/workspace"
)

// Every change that the workspace has is shown, and every row is of one.
func TestEveryChangeIsShown(t *testing.T) {
	var changes []string
	for _, c := range all() {
		if slices.Contains(changes, c.Change) {
			t.Errorf("%s is there twice", c.Change)
		}
		changes = append(changes, c.Change)
		if change, err := c.change(); err != nil || len(change.Edits) == 0 || change.Run == "" {
			t.Errorf("%s: %d edits, runs %q, %v", c.Change, len(change.Edits), change.Run, err)
		}
		if c.Mode == "" || len(c.Sights) == 0 || (c.While == "") != (c.End == "") {
			t.Errorf("%s: %+v", c.Change, c)
		}
		for _, look := range c.Sights {
			if look.bad("") || look.well("") {
				t.Errorf("%s: nothing at all passes for %+v", c.Change, look)
			}
		}
	}
	for _, c := range workspace.Changes() {
		if !slices.Contains(changes, c.Name) {
			t.Errorf("what is seen of %s is not shown", c.Name)
		}
	}
}

func TestChosen(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  int
	}{{nil, len(all())}, {[]string{"3b"}, 3}, {[]string{"catalog-memo", "1c dns-breakage"}, 4}, {[]string{"3"}, -1}, {[]string{""}, -1}} {
		list, err := chosen(tt.names)
		if tt.want < 0 && err == nil || tt.want >= 0 && (err != nil || len(list) != tt.want) {
			t.Errorf("%q: %d changes, %v; want %d", tt.names, len(list), err, tt.want)
		}
	}
}
