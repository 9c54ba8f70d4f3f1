package agent

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"faultlab/faults"
	"faultlab/faults/agent/keeper"
	"faultlab/faults/agent/ledger"
)

// A program raises its limit of open files after the fault was put in place, as runtimes
// do when they start: the fault holds, tells of it, and gives both limits back.
func TestProgramRaisesItsLimit(t *testing.T) {
	b := newBench(t)
	before := b.limits()
	in, err := b.start().Inject(t.Context(), b.target, faults.FDLimit{Limit: 64}, InjectOptions{})
	must(t, err)
	c, err := b.Inspect(t.Context(), b.target)
	must(t, err)
	of := func() (l unix.Rlimit) {
		must(t, unix.Prlimit(c.Pid, unix.RLIMIT_NOFILE, nil, &l))
		return l
	}
	was := of()
	must(t, unix.Prlimit(c.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: was.Max, Max: was.Max}, nil))
	b.eventually("the limit is 64 again", time.Second, func() bool { return of().Cur == 64 })
	if e := in.Status(); was.Max > 64 && (len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "had raised its limits")) {
		t.Errorf("the notes are %q", e.Notes)
	}
	must(t, in.Revert(t.Context()))
	if after := b.limits(); after != before {
		t.Errorf("left\n%sbefore\n%s", unlike(after, before), unlike(before, after))
	}
}

// Where the hard limit can be given back it is lowered as well.
func TestHardLimit(t *testing.T) {
	if ledger.Files(1, "2:3") != "1:1" {
		t.Skip("no CAP_SYS_RESOURCE here; the guest has it")
	}
	cmd := exec.Command("sleep", "60")
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	pid := cmd.Process.Pid
	limits := func() unix.Rlimit {
		var l unix.Rlimit
		must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &l))
		return l
	}
	must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 200, Max: 400}, nil))
	start, err := ledger.Started(pid)
	must(t, err)
	slot := ledger.Slot{PID: pid, Start: start}
	original, err := (&ledger.Ledger{}).Original(slot)
	must(t, err)
	keep := keeper.New(func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), roleVariable+"=keeper")
		return cmd
	}, acts)
	var l ledger.Ledger
	for _, undo := range []func(){func() { must(t, l.Unset("a")) }, func() { must(t, keep.Close()) }} {
		must(t, l.Set(keep, "a", ledger.Bid{Slot: slot, Value: ledger.Files(64, original)}))
		if got := limits(); got.Cur != 64 || got.Max != 64 {
			t.Errorf("the limits are %+v, want 64 and 64", got)
		}
		undo() // by revert, then by a keeper whose agent is no more
		if got := limits(); got.Cur != 200 || got.Max != 400 {
			t.Errorf("the limits are %+v, want 200 and 400", got)
		}
	}
}
