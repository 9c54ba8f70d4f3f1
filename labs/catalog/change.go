package catalog

import (
	"fmt"
	"slices"
	"strings"

	"faultlab/targets/workspace"
)

// fillChanges puts into deploys what the changes are that they name.
func (l *Lab) fillChanges() error {
	all := workspace.Changes()
	for _, s := range l.Break {
		if s.Deploy == nil || s.Deploy.Change == "" {
			continue
		}
		d := s.Deploy
		if d.Author != "" || d.Message != "" || len(d.Edits) > 0 || d.Up || d.Run != "" {
			return fmt.Errorf("a deploy names the change %q and says more; want one or the other", d.Change)
		}
		i := slices.IndexFunc(all, func(c workspace.Change) bool { return c.Name == d.Change })
		if i < 0 {
			return fmt.Errorf("there is no change %q; want one of %s", d.Change, strings.Join(names(all), ", "))
		}
		c := all[i]
		d.Author, d.Message, d.Run = c.Author.Name+" <"+c.Author.Email+">", c.Message, c.Run
		for _, e := range c.Edits {
			d.Edits = append(d.Edits, Edit{File: e.File, Old: e.Old, New: e.New})
		}
	}
	return nil
}

func names(all []workspace.Change) []string {
	var out []string
	for _, c := range all {
		out = append(out, c.Name)
	}
	return out
}
