package stress

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent"
)

// scene is a target, a peer of it and a bystander, wherever they run, and what may be
// done to the target there.
type scene struct {
	t               *testing.T
	peer, bystander string                // addresses
	pid             func() int            // of the target's first process now; 0: it has ended
	died            func() (int, error)   // with which code a target has ended
	again           func()                // starts a target that has ended
	unseeded        bool                  // what carries the faults cannot repeat the choices of a seed
	rows            []row                 // kinds whose effect a user looks at
	alone           []row                 // the like, each by itself
	rare            []row                 // the like, drawn less often
	others          []faults.Fault        // kinds without a row
	resolver        string                // address of the target's name server; "": none
	callers         map[string]int        // processes of the peer and the bystander, by their addresses; none: nobody calls
	disk            bool                  // the target has a file system of its own
	memory          func() (int64, error) // what the target uses, in bytes
	left            func() []string       // what is there although no agent is
	inject          func(ctx context.Context, f faults.Fault, o agent.InjectOptions) (injection, error)
	close           func() error // ends the agent
}

// injection is a fault that is in place.
type injection interface {
	Status() agent.Entry
	Revert(ctx context.Context) error
}

// reachable waits until the peer and the bystander answer.
func (s *scene) reachable() {
	s.t.Helper()
	for _, to := range []string{s.peer, s.bystander} {
		s.within(10*time.Second, "the server at "+to+" answers", func() bool {
			how, _, _, _ := ask(s.pid(), to, "hello", time.Second)
			return how == answered
		})
	}
}

// within waits for something and says how long it took; too long is a violation.
func (s *scene) within(limit time.Duration, what string, ok func() bool) time.Duration {
	s.t.Helper()
	began := time.Now()
	for !ok() {
		if time.Since(began) > limit {
			report.violation(s.t, "not within %v: %s", limit, what)
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal("required here: root")
		}
		t.Skip("not root")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func short(err error) string { return fmt.Sprintf("%.160s", err.Error()) }
