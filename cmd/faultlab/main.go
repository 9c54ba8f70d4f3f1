// Command faultlab starts incidents in a sandbox and grades how they are handled.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"faultlab/labs"
)

// Exit codes of the command.
const (
	exitOK     = 0 // done, or passed
	exitFailed = 1 // graded, and not passed
	exitError  = 2 // could not run
)

// failed says that something was graded and not passed. Its message is printed by
// the verb itself.
var failed = errors.New("not passed")

// exitCode carries the exit code of a command run in the bastion.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A second signal ends the command at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exitCode
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, failed):
		return exitFailed
	case errors.As(err, &code):
		return int(code)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = &labs.Problem{Message: "interrupted", Remedy: "a lab that was on goes on; faultlab ps lists the labs"}
	}
	fmt.Fprintf(os.Stderr, "faultlab: error: %v\n", oneLine(err))
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		fmt.Fprintf(os.Stderr, "faultlab: hint: %s\n", h.Hint())
	}
	return exitError
}
