package agent

import (
	"context"
	"errors"

	"faultlab/faults/engine"
)

// Options say how to run an agent in a container.
type Options struct {
	Engine *engine.Engine    // default: the one that the environment names, until Close
	Image  string            // whose entry point is the faultlab command; default: what BuildImage makes
	Name   string            // of the container; default: random
	Labels map[string]string // of the container
	// TargetLabel ("key" or "key=value") is what a container must carry to be
	// touched, unless an injection allows any. Empty: nothing is asked for.
	TargetLabel string
}

// complete opens the engine and makes the image where they are left out.
func (o *Options) complete(ctx context.Context) (err error) {
	own := o.Engine == nil
	if own {
		if o.Engine, err = engine.Open(ctx); err != nil {
			return err
		}
	}
	if o.Image == "" {
		if o.Image, err = BuildImage(ctx, o.Engine); err != nil && own {
			err = errors.Join(err, o.Engine.Close())
		}
	}
	return err
}
