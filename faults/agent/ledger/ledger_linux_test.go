package ledger

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"faultlab/faults/agent/keeper"

	"golang.org/x/sys/unix"
)

// roleEnv makes the test binary a keeper, a process with a limit, or an agent that is killed.
const roleEnv = "FAULTLAB_TEST_LEDGER"

var acts = map[string]keeper.Act{PutBackAct: PutBack}

func role(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), roleEnv+"="+name)
	return cmd
}

func newKeeper() *keeper.Keeper {
	return keeper.New(func() *exec.Cmd { return role("keeper") }, acts)
}

func TestMain(m *testing.M) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	switch os.Getenv(roleEnv) {
	case "keeper":
		fail(keeper.Run(acts, os.Stdin, os.Stdout))
		os.Exit(0)
	case "target":
		fmt.Println("up")
		time.Sleep(time.Minute)
		os.Exit(0)
	case "agent": // lowers the limit of a process twice and waits to be killed
		pid, err := strconv.Atoi(os.Args[1])
		fail(err)
		start, err := Started(pid)
		fail(err)
		var l Ledger
		k := newKeeper()
		for _, n := range []int{60, 50} {
			fail(l.Set(k, strconv.Itoa(n), Bid{Slot{PID: pid, Start: start}, Files(n, "200:400")}))
		}
		fmt.Println("set")
		select {}
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// target is a process whose limit of open files is set.
func target(t *testing.T) (s Slot, limit func() int, set func(n uint64)) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal("required here: not root")
		}
		t.Skip("not root")
	}
	cmd := role("target")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	// Go raises its own limit as it starts.
	if n, err := out.Read(make([]byte, 10)); n == 0 {
		t.Fatalf("the target does not start: %v", err)
	}
	pid := cmd.Process.Pid
	set = func(n uint64) {
		t.Helper()
		must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: 400}, nil))
	}
	set(200)
	start, err := Started(pid)
	must(t, err)
	return Slot{PID: pid, Start: start}, func() int {
		var l unix.Rlimit
		must(t, unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &l))
		return int(l.Cur)
	}, set
}

func TestStrictestHolds(t *testing.T) {
	slot, limit, set := target(t)
	k := newKeeper()
	defer k.Close()
	var l Ledger
	want := func(n int) {
		t.Helper()
		if got := limit(); got != n {
			t.Errorf("the limit is %d, want %d", got, n)
		}
	}
	for _, order := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "a", "c"}} {
		values := map[string]int{"a": 100, "b": 40, "c": 70}
		for id, v := range values {
			must(t, l.Set(k, id, Bid{slot, Files(v, "200:400")}))
		}
		want(40)
		for _, id := range order {
			for range 2 {
				must(t, l.Unset(id))
			}
			delete(values, id)
			least := 200
			for _, v := range values {
				least = min(least, v)
			}
			want(least)
		}
	}
	must(t, l.Set(k, "looser", Bid{slot, Files(300, "200:400")})) // than it is: nothing changes
	want(200)
	must(t, l.Unset("looser"))
	must(t, l.Set(k, "a", Bid{slot, Files(100, "200:400")}))
	if got, err := l.Original(slot); err != nil || got != "200:400" {
		t.Errorf("the original is %q, %v", got, err)
	}
	set(150) // by somebody else
	must(t, l.Unset("a"))
	want(150)
}

func TestTargetHasEnded(t *testing.T) {
	slot, _, _ := target(t)
	k := newKeeper()
	var l Ledger
	must(t, l.Set(k, "a", Bid{slot, Files(100, "200:400")}))
	must(t, unix.Kill(slot.PID, unix.SIGKILL))
	var status unix.WaitStatus
	_, err := unix.Wait4(slot.PID, &status, 0, nil)
	must(t, err)
	must(t, l.Unset("a"))
	must(t, k.Close())
	// Another process with the number is left alone.
	if _, err := (Slot{PID: os.Getpid(), Start: 1}).read(); !gone(err) {
		t.Errorf("another process: %v", err)
	}
}

func TestKilledAgent(t *testing.T) {
	slot, limit, _ := target(t)
	agent := role("agent", strconv.Itoa(slot.PID))
	out, err := agent.StdoutPipe()
	must(t, err)
	must(t, agent.Start())
	line := make([]byte, 10)
	n, _ := out.Read(line)
	if string(line[:n]) != "set\n" || limit() != 50 {
		t.Fatalf("the agent said %q; the limit is %d", line[:n], limit())
	}
	must(t, agent.Process.Kill())
	_ = agent.Wait()
	began := time.Now()
	for limit() != 200 {
		if time.Since(began) > 2*time.Second {
			t.Fatalf("the limit is %d", limit())
		}
		time.Sleep(time.Millisecond)
	}
	t.Logf("put back %v after SIGKILL", time.Since(began).Round(time.Millisecond))
}

// A program raises its limits, or lowers them, while a bid is there.
func TestEnforce(t *testing.T) {
	slot, _, _ := target(t)
	k := newKeeper()
	defer k.Close()
	var l Ledger
	is := func(soft, hard uint64) {
		t.Helper()
		var got unix.Rlimit
		must(t, unix.Prlimit(slot.PID, unix.RLIMIT_NOFILE, nil, &got))
		if got.Cur != soft || got.Max != hard {
			t.Errorf("the limits are %d and %d, want %d and %d", got.Cur, got.Max, soft, hard)
		}
	}
	held := uint64(400) // the hard limit while there is a bid
	if mayRaise() {
		held = 100
	}
	bid := Bid{slot, Files(100, "200:400")}
	must(t, l.Set(k, "a", bid))
	is(100, held)
	if again, err := l.Enforce(k, "a"); err != nil || len(again) != 0 {
		t.Errorf("nobody has changed anything: %v, %v", again, err)
	}
	must(t, unix.Prlimit(slot.PID, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 300, Max: 400}, nil))
	if again, err := l.Enforce(k, "a"); err != nil || len(again) != 1 {
		t.Errorf("the program has raised its limit: %v, %v", again, err)
	}
	is(100, held)
	must(t, l.Unset("a"))
	is(300, 400) // as the program wanted it
	must(t, l.Set(k, "a", bid))
	must(t, unix.Prlimit(slot.PID, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 50, Max: held}, nil))
	if again, err := l.Enforce(k, "a"); err != nil || len(again) != 0 {
		t.Errorf("the program has less than is allowed: %v, %v", again, err)
	}
	must(t, l.Unset("a"))
	is(50, 400) // its own soft limit, and the hard one that was there
}

func TestStrictness(t *testing.T) {
	inf := math.Inf(1)
	for value, want := range map[string]float64{
		"max": inf, "-1": inf, "max 100000": inf, "THAWED": inf, "nonsense": inf, "": inf,
		"FROZEN": 0, "0": 0, "64": 64, "64:128": 64, "20000 100000": 0.2,
	} {
		if got := Strictness(value); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestPutBackOfNonsense(t *testing.T) {
	if err := PutBack(json.RawMessage(`{"slot":1}`)); err == nil {
		t.Error("no error")
	}
	if err := PutBack(json.RawMessage(`{"slot":{"pid":1,"start":1},"original":"1","ours":["2"]}`)); err != nil {
		t.Errorf("a process that has ended: %v", err)
	}
}
