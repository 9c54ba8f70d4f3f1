package agent

import (
	"context"
	"errors"
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
	return c, admissible(c, a.opts.TargetLabel, any)
}

// admissible refuses a container that does not carry a label, unless any may be touched,
// that shares the host's network, or that does not run.
func admissible(c engine.Container, label string, any bool) error {
	key, value, valued := strings.Cut(label, "=")
	got, has := c.Labels[key]
	switch {
	case c.HostNetwork:
		return &Error{Code: Refused, Message: fmt.Sprintf("container %s shares the host's network", c.Name), Remedy: "run it without --network host"}
	case key != "" && !any && (!has || valued && got != value):
		return &Error{Code: Refused, Message: fmt.Sprintf("container %s does not carry the label %s", c.Name, label),
			Remedy: "choose a container of the lab, or allow any target"}
	case !c.Running() || c.Pid == 0:
		return &Error{Code: TargetGone, Message: fmt.Sprintf("container %s is not running but %s", c.Name, c.State), Remedy: "start it first: docker start " + c.Name}
	}
	return nil
}

// explain gives errors of the engine's and the machine's that have a known remedy one.
func explain(err error) error {
	var known interface{ Hint() string }
	if err == nil || errors.As(err, &known) {
		return err
	}
	text := strings.ToLower(err.Error())
	switch {
	case strings.Contains(text, "no space left on device"):
		return &Error{Code: Failed, Message: err.Error(), Remedy: "a disk is full (df tells which); docker system df tells what the engine takes"}
	case strings.Contains(text, "operation not permitted"), strings.Contains(text, "privileged mode is incompatible"), strings.Contains(text, "authorization denied"):
		return &Error{Code: NotSupported, Message: err.Error(), Remedy: "faults need an engine that allows privileged containers; faultlab doctor tells more"}
	}
	return err
}
