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
	e, err := engine.Open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	image, err := agent.BuildImage(ctx, e)
	if err != nil {
		log.Fatal(err)
	}
	a, err := agent.Start(ctx, agent.Options{Engine: e, Image: image})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close(ctx)

	slow, err := a.Inject(ctx, "web", faults.Latency{Delay: 200 * time.Millisecond}, agent.InjectOptions{TTL: 5 * time.Minute})
	if err != nil {
		log.Fatal(err) // it was not felt: nothing is left of it
	}
	fmt.Println(slow.Status().Measured.AddedMS)
	if err := slow.Revert(ctx); err != nil {
		log.Fatal(err)
	}
}
