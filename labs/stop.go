package labs

import (
	"context"
	"fmt"
	"slices"
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
	return toStop(ids, named, every)
}

func toStop(ids, named []string, every bool) ([]string, error) {
	switch {
	case every && len(named) > 0:
		return nil, refuse("an id and --all together", "either faultlab stop ID or faultlab stop --all")
	case every:
		return ids, nil
	case len(named) > 0:
		for _, n := range named {
			if !slices.Contains(ids, n) {
				return nil, refuse(fmt.Sprintf("there is no lab %q", n), "faultlab ps lists the labs")
			}
		}
		return named, nil
	case len(ids) == 0:
		return nil, refuse("no lab is running", "nothing is left to stop")
	case len(ids) > 1:
		return nil, refuse(fmt.Sprintf("%d labs are running", len(ids)), "say which, or --all: "+strings.Join(ids, ", "))
	}
	return ids, nil
}
