package main

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"faultlab/labs/control"
)

// Whoever was not paged is not told that they were, and what is on the pager is shown.
func TestStatusTellsOfPages(t *testing.T) {
	at := time.Date(2031, 5, 14, 16, 20, 0, 0, time.Local)
	for name, tt := range map[string]struct {
		status control.Status
		want   string
		not    string
	}{
		"nobody":   {control.Status{ID: "a1"}, "nobody was paged", "On the pager"},
		"IPv4":     {control.Status{IPv4Alone: "it is refused"}, "\n\nUsers come over IPv4 alone: it is refused.\n\n", "On the pager"},
		"somebody": {control.Status{ID: "a1", Since: at}, ", paged 16:20:00.", "nobody"},
		"an alert": {control.Status{Pages: []control.Event{{At: at, Text: "firing: NoZoneLeft"}}}, "On the pager:\n  16:20:00  firing: NoZoneLeft\n", "paged 16"},
	} {
		var out strings.Builder
		cmd := &cobra.Command{}
		cmd.SetOut(&out)
		if err := printStatus(cmd, tt.status); err != nil || !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), tt.not) {
			t.Errorf("%s: %v, %q; want %q and no %q", name, err, out.String(), tt.want, tt.not)
		}
	}
}
