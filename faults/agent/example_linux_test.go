package agent_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

// An agent breaks a container by hand; whatever ends this process ends the fault.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	web, remove := startWeb(ctx)
	defer remove()

	a, err := agent.Start(ctx, agent.Options{})
	if err != nil {
		log.Panic(err)
	}
	defer a.Close(ctx)
	slow, err := a.Inject(ctx, web, faults.Latency{Delay: 200 * time.Millisecond}, agent.InjectOptions{TTL: 5 * time.Minute})
	if err != nil {
		log.Panic(err) // it was not felt: nothing is left of it
	}
	e := slow.Status()
	fmt.Printf("%s is %s; the 200 ms were measured: %v\n", e.Kind, e.State, e.Measured.AddedMS > 195)
	if err := slow.Revert(ctx); err != nil {
		log.Panic(err)
	}
	fmt.Printf("%s is %s\n", e.Kind, slow.Status().State)
	// Output:
	// latency is active; the 200 ms were measured: true
	// latency is reverted
}

// startWeb runs a container, which stands for one of yours, and gives its id.
func startWeb(ctx context.Context) (id string, remove func()) {
	e, err := engine.Open(ctx)
	if err != nil {
		log.Panic(err)
	}
	image, err := agent.BuildImage(ctx, e)
	if err != nil {
		log.Panic(err)
	}
	id, err = e.Run(ctx, engine.Spec{Image: image, Cmd: []string{"agent"}, StdinOnce: true})
	if err != nil {
		log.Panic(err)
	}
	return id, func() {
		if err := e.Remove(context.WithoutCancel(ctx), id); err != nil {
			log.Panic(err)
		}
		e.Close()
	}
}
