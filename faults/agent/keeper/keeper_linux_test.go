package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"faultlab/faults/agent/carrier"
)

// roleEnv makes the test binary a keeper, or an agent that is killed.
const roleEnv = "FAULTLAB_TEST_KEEPER"

// testActs append to a file, so that the order is seen; one fails until a file is there.
var testActs = map[string]Act{
	"append": func(args json.RawMessage) error {
		var a [2]string
		if err := json.Unmarshal(args, &a); err != nil {
			return err
		}
		f, err := os.OpenFile(a[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(a[1])
		return errors.Join(err, f.Close())
	},
	"third": func(args json.RawMessage) error { // time that it comes
		var name string
		if err := json.Unmarshal(args, &name); err != nil {
			return err
		}
		b, _ := os.ReadFile(name)
		if len(b) < 2 {
			return errors.Join(errors.New("not yet"), os.WriteFile(name, append(b, 'x'), 0o600))
		}
		return nil
	},
	"never": func(json.RawMessage) error { return errors.New("no") },
}

func start() *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=keeper")
	return cmd
}

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "keeper":
		if err := Run(testActs, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	case "agent": // keeps its arguments and waits to be killed
		k := New(start, testActs)
		for _, s := range os.Args[2:] {
			if _, err := k.Keep("append", [2]string{os.Args[1], s}); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		}
		fmt.Println("kept")
		select {}
	}
	os.Exit(m.Run())
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("FAULTLAB_REQUIRE") == "1" {
		t.Fatal("required here: not root")
	}
	t.Skip("not root")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for the content of a file.
func eventually(t *testing.T, name, want string) {
	t.Helper()
	var got []byte
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got, _ = os.ReadFile(name); string(got) == want {
			return
		}
	}
	t.Fatalf("%s has %q, want %q", name, got, want)
}

func TestKilledAgent(t *testing.T) {
	needRoot(t)
	name := filepath.Join(t.TempDir(), "out")
	agent := exec.Command(os.Args[0], name, "a", "b", "c")
	agent.Env = append(os.Environ(), roleEnv+"=agent")
	out, err := agent.StdoutPipe()
	must(t, err)
	must(t, agent.Start())
	line := make([]byte, 100)
	n, _ := out.Read(line)
	if string(line[:n]) != "kept\n" {
		t.Fatalf("the agent said %q", line[:n])
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("done while the agent lives")
	}
	began := time.Now()
	must(t, agent.Process.Kill())
	_ = agent.Wait()
	eventually(t, name, "cba") // the last one first
	t.Logf("done %v after SIGKILL", time.Since(began).Round(time.Millisecond))
}

// A keeper that was killed has a successor, which knows what was promised and not released.
func TestKilledKeeper(t *testing.T) {
	needRoot(t)
	name := filepath.Join(t.TempDir(), "out")
	k := New(start, testActs)
	keep := func(s string) func() {
		t.Helper()
		release, err := k.Keep("append", [2]string{name, s})
		must(t, err)
		return release
	}
	kill := func() {
		t.Helper()
		must(t, k.cmd.Process.Kill())
		_, _ = k.cmd.Process.Wait()
	}
	keep("a")
	b := keep("b")
	kill()
	keep("c")
	kill()
	b()
	b() // once more is nothing
	keep("d")()
	must(t, k.Close())
	eventually(t, name, "ca")
	must(t, k.Close())
}

func TestReleased(t *testing.T) {
	needRoot(t)
	name := filepath.Join(t.TempDir(), "out")
	k := New(start, testActs)
	must(t, k.Close()) // there is none yet
	for _, s := range []string{"a", "b"} {
		release, err := k.Keep("append", [2]string{name, s})
		must(t, err)
		release()
	}
	must(t, k.Close())
	if got, err := os.ReadFile(name); err == nil {
		t.Errorf("released, and done: %q", got)
	}
}

func TestRefusals(t *testing.T) {
	needRoot(t)
	k := New(start, testActs)
	if _, err := k.Keep("no-such", nil); !errors.Is(err, &carrier.Error{Code: carrier.Failed}) {
		t.Errorf("an unknown act: %v", err)
	}
	bad := New(func() *exec.Cmd { return exec.Command("/bin/false") }, testActs)
	if _, err := bad.Keep("append", [2]string{}); !errors.Is(err, &carrier.Error{Code: carrier.NotSupported}) {
		t.Errorf("a keeper that does not start: %v", err)
	}
}

// Half a line is what an agent leaves that dies as it writes; the rest still counts.
func TestHalfALine(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	name, flag := filepath.Join(dir, "out"), filepath.Join(dir, "third")
	line := func(id int, act string, args any) string {
		b, err := json.Marshal(args)
		must(t, err)
		return fmt.Sprintf(`{"id":%d,"act":%q,"args":%s}`, id, act, b) + "\n"
	}
	last := line(4, "append", [2]string{name, "b"})
	cmd := start()
	cmd.Stdin = strings.NewReader(line(1, "append", [2]string{name, "a"}) + line(2, "third", flag) + "not json\n" +
		line(3, "append", [2]string{name, "gone"}) + `{"id":3,"forget":true}` + "\n" + last[:len(last)/2])
	out, err := cmd.Output()
	if want := ready + "1\n2\n3\n3\n"; err != nil || string(out) != want {
		t.Errorf("answered %q, %v; want %q", out, err, want)
	}
	eventually(t, name, "a")
	if b, _ := os.ReadFile(flag); string(b) != "xx" {
		t.Errorf("an act that failed was tried %d times", len(b)+1)
	}
}

func TestFailingActKeepsNobodyWaiting(t *testing.T) {
	needRoot(t)
	name := filepath.Join(t.TempDir(), "out")
	k := New(start, testActs)
	for _, act := range []string{"append", "never"} {
		_, err := k.Keep(act, [2]string{name, "a"})
		must(t, err)
	}
	began := time.Now()
	done := make(chan error, 1)
	go func() { done <- k.Close() }()
	eventually(t, name, "a")
	took := time.Since(began)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "never: no") || took > time.Second {
		t.Errorf("the other act was done after %v; close: %v", took, err)
	}
}
