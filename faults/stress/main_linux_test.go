package stress

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
)

var (
	injections = flag.Int("injections", 12, "random injections")
	onNetem    = flag.Int("guest-injections", 6, "random injections in a guest kernel with netem")
	kills      = flag.Int("kills", 4, "kills, half of the agent's process and half of its client's")
	restarts   = flag.Int("restarts", 3, "restarts of the target in the middle of faults")
	ooms       = flag.Int("ooms", 1, "ends of the target for want of memory in the middle of faults")
	seed       = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of all random choices")
)

// The test binary is also the agent, the targets and the client that is killed.
const (
	roleEnv   = "FAULTLAB_STRESS_ROLE"
	markEnv   = "FAULTLAB_STRESS"        // which run a process belongs to
	listenEnv = "FAULTLAB_STRESS_LISTEN" // a server's address; default all
)

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleEnv); {
	case role == "server":
		end(serve(os.Getenv(listenEnv)))
	case role == "resolver":
		end(resolve())
	case role == "eater":
		end(eat(os.Args[1], os.Stdin, os.Stdout))
	case role == "client":
		end(injectForever(context.Background()))
	case len(os.Args) == 2 && os.Args[1] == "agent":
		end(agent.Serve(context.Background(), os.Stdin, os.Stdout))
	}
	flag.Parse()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-stop
		report.print(os.Stdout)
		end(errors.Join(errors.New("stopped by a signal"), clear()))
	}()
	code := m.Run()
	report.print(os.Stdout)
	os.Exit(code)
}

// clear removes what a run that is stopped has made: its tests do not get to their ends.
func clear() error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	e, err := engine.Open(ctx)
	if err != nil {
		return err
	}
	defer e.Close()
	report.mu.Lock()
	ids := slices.Clone(report.worlds)
	report.mu.Unlock()
	var errs []error
	for _, id := range ids {
		for _, label := range []string{labelAgent, labelTarget} {
			list, err := e.List(ctx, label+"="+id)
			errs = append(errs, err)
			for _, c := range list {
				errs = append(errs, e.Remove(ctx, c.ID))
			}
		}
		if there, err := e.HasImage(ctx, imageOf(id)); err == nil && there {
			errs = append(errs, e.RemoveImage(ctx, imageOf(id)))
		}
	}
	return errors.Join(errs...)
}

func end(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
