package labs

import (
	"context"
	"fmt"
	"strings"

	"faultlab/faults/engine"
)

// ToStop says which labs a stop means: the one named, every one, or the only one
// there is.
func ToStop(ctx context.Context, e *engine.Engine, named []string, every bool) ([]string, error) {
	all, err := List(ctx, e)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range all {
		ids = append(ids, r.ID)
	}
	switch {
	case every && len(named) > 0:
		return nil, refuse("an id and --all together", "either faultlab stop ID or faultlab stop --all")
	case every:
		return ids, nil
	case len(named) == 1:
		for _, id := range ids {
			if id == named[0] {
				return named, nil
			}
		}
		return nil, refuse(fmt.Sprintf("there is no lab %q", named[0]), "faultlab ps lists the labs")
	case len(ids) == 0:
		return nil, refuse("no lab is running", "nothing is left to stop")
	case len(ids) > 1:
		return nil, refuse(fmt.Sprintf("%d labs are running", len(ids)), "say which, or --all: " + strings.Join(ids, ", "))
	}
	return ids, nil
}
