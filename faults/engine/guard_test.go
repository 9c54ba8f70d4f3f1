package engine_test

import (
	"context"
	"fmt"
	"io"
	"os"

	"faultlab/faults/engine"
)

// guardAndDie is the role of a process that is killed while a guard watches it.
func guardAndDie() {
	e, err := engine.Open(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	release := e.Guard("a")
	if os.Getenv("RELEASE") != "" {
		release()
	}
	fmt.Println("guarded")
	io.Copy(io.Discard, os.Stdin)
}
