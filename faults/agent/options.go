package agent

import (
	"context"
	"errors"
	"time"

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

// InjectOptions say how one fault is put in place.
type InjectOptions struct {
	ID        string        // in the journal; default: random
	TTL       time.Duration // default 1h, at most 24h; the end waits for what is being proved on the same target
	Seed      uint64        // 0: chosen and recorded
	Probes    []string      // addresses, or address:port, to measure against; default: the peer, gateways and neighbours
	AnyTarget bool          // the user named the container on purpose: do without the label

	// SeedOptional does without the Seed, and notes so, where the kernel can carry the
	// fault and cannot repeat its choices. Otherwise that is an error, as it always is
	// for a seed of the fault's own.
	SeedOptional bool
	// Recreated follows the container's name as well: when it is removed and another of
	// its name runs within ten seconds, as docker compose up --force-recreate does, the
	// fault is put into that one.
	Recreated bool
}
