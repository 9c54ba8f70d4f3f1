package agent

import (
	"context"
	"fmt"
	"strings"

	"faultlab/faults/engine"
)

// admit looks at a container and refuses what is not to be touched.
func (a *Agent) admit(ctx context.Context, id string, any bool) (engine.Container, error) {
	c, err := a.opts.Engine.Inspect(ctx, id)
	if err != nil {
		return c, err
	}
	key, value, valued := strings.Cut(a.opts.TargetLabel, "=")
	got, has := c.Labels[key]
	switch {
	case c.HostNetwork:
		return c, &Error{Code: Refused, Message: fmt.Sprintf("container %s shares the host's network", c.Name), Remedy: "run it without --network host"}
	case key != "" && !any && (!has || valued && got != value):
		return c, &Error{Code: Refused, Message: fmt.Sprintf("container %s does not carry the label %s", c.Name, a.opts.TargetLabel),
			Remedy: "choose a container of the lab, or allow any target"}
	case !c.Running() || c.Pid == 0:
		return c, &Error{Code: TargetGone, Message: fmt.Sprintf("container %s is not running but %s", c.Name, c.State), Remedy: "start it first"}
	}
	return c, nil
}
