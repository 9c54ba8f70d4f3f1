package host

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What ends is started again, after pauses that grow; what may rest is not.
func TestRestart(t *testing.T) {
	backoff := ", backoff: {first: 50ms, max: 150ms, reset_after: 1m}"
	m := run(t, place{}, "",
		entry("always", "exit", backoff, "0"),
		entry("failing", "exit", ", restart: on-failure"+backoff, "3"),
		entry("done", "exit", ", restart: on-failure"+backoff, "0"),
		entry("never", "exit", ", restart: never", "4"),
		entry("serving", "serve", ""),
	)
	for i, want := range []string{"50ms", "100ms", "150ms", "150ms"} {
		end := m.lineAfter(t, i, `"msg":"program ended"`, `"program":"failing"`)
		if end["exit_code"] != 3.0 || end["again_in"] != want {
			t.Errorf("end %d: %v; want exit code 3, again in %s", i, end, want)
		}
	}
	m.lineAfter(t, 2, `"msg":"program started"`, `"program":"always"`)
	for name, code := range map[string]float64{"done": 0, "never": 4} {
		if end := m.line(t, `"msg":"program ended"`, `"program":"`+name+`"`); end["exit_code"] != code || end["again_in"] != "never" {
			t.Errorf("%s: %v", name, end)
		}
		if n := m.metric(t, "program_restarts_total", name); n != 0 {
			t.Errorf("%s was started again %v times", name, n)
		}
	}
	if got := m.all("failing | this is the end"); len(got) < 3 {
		t.Errorf("the output is not in the log: %q", m.log())
	}
	m.line(t, "serving | serving")
	for metric, want := range map[string]float64{"program_up": 1, "program_last_exit_code": -1, "program_oom_kills_total": 0} {
		if got := m.metric(t, metric, "serving"); got != want {
			t.Errorf("%s of what serves is %v; want %v", metric, got, want)
		}
	}
	if m.metric(t, "program_restarts_total", "failing") < 3 || m.metric(t, "program_last_exit_code", "failing") != 3 || m.metric(t, "program_up", "never") != 0 {
		t.Error("the metrics do not tell of the ends")
	}
	m.seen(t, "serving")
	if status, _ := m.get(t, "/healthz"); status != 200 {
		t.Errorf("healthz: %d", status)
	}
}

func TestReady(t *testing.T) {
	m := run(t, place{}, "", entry("one", "serve", ""), entry("rests", "exit", ", restart: never", "0"), entry("two", "serve", ", backoff: {first: 1m, max: 1m}"))
	m.line(t, "two | serving")
	m.line(t, `"msg":"program ended"`, `"program":"rests"`)
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		if status, body := m.get(t, "/readyz"); status == 200 {
			break
		} else if time.Since(began) > 10*time.Second {
			t.Fatalf("not ready: %s", body)
		}
	}
	if err := syscall.Kill(m.pid(t, "two", 0), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.line(t, `"msg":"program ended"`, `"program":"two"`)
	if status, body := m.get(t, "/readyz"); status != 503 || !strings.Contains(body, "program two is down") {
		t.Errorf("readyz: %d %s", status, body)
	}
}

// A SIGKILL from somebody is told as that, and not as a want of memory.
func TestSIGKILLIsSeen(t *testing.T) {
	m := run(t, place{}, "", entry("a", "serve", ", backoff: {first: 10ms}"))
	m.seen(t, "a")
	pid := m.pid(t, "a", 0)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	end := m.line(t, `"msg":"program ended"`)
	if end["signal"] != "SIGKILL" || end["out_of_memory"] != false || end["rss_bytes"].(float64) < 1<<20 || end["peak_rss_bytes"].(float64) < 1<<20 || int(end["pid"].(float64)) != pid {
		t.Errorf("%v", end)
	}
	if again := m.pid(t, "a", 1); again == pid {
		t.Error("it was not started again")
	}
	if got := m.metric(t, "program_last_exit_code", "a"); got != 137 {
		t.Errorf("the last exit code is %v; want 137", got)
	}
	if got := m.all("Killed process"); len(got) != 0 {
		t.Errorf("an invented kill: %q", got)
	}
}

func TestSignalsArePassedOn(t *testing.T) {
	m := run(t, place{}, "", entry("a", "serve", ""), entry("b", "serve", ""))
	m.line(t, "a | serving")
	m.line(t, "b | serving")
	for signal, says := range map[syscall.Signal]string{syscall.SIGHUP: "got hangup", syscall.SIGUSR1: "got user defined signal 1"} {
		if err := m.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		m.line(t, "a | "+says)
		m.line(t, "b | "+says)
	}
}

// A child of a program that is gone is the host's to reap.
func TestOrphansAreReaped(t *testing.T) {
	m := run(t, place{}, "", entry("leaves", "leave", ", restart: never", "exit", "7"))
	m.line(t, "leaves | left")
	orphan := m.line(t, `"msg":"orphan reaped"`)
	if orphan["exit_code"] != 7.0 {
		t.Errorf("%v", orphan)
	}
	if pid := int(orphan["pid"].(float64)); !gone(pid) {
		t.Errorf("%d is still there", pid)
	}
	if got := m.metric(t, "orphans_reaped_total", ""); got != 1 {
		t.Errorf("%v orphans were reaped; want 1", got)
	}
}

// A stop asks, waits and kills, and leaves nothing.
func TestStop(t *testing.T) {
	m := run(t, place{}, "stop_timeout: 1s",
		entry("polite", "serve", ""), entry("stubborn", "serve", "", "never"), entry("int", "serve", ", stop_signal: INT"),
		entry("leaves", "leave", ", restart: never", "serve", "never"), entry("waits", "exit", ", backoff: {first: 10m, max: 10m}", "1"))
	var pids []int
	for _, name := range []string{"polite", "stubborn", "int"} {
		m.line(t, name+" | serving")
		pids = append(pids, m.pid(t, name, 0))
	}
	m.line(t, "leaves | serving")
	for _, line := range m.all("leaves | left ") {
		pid, err := strconv.Atoi(strings.TrimPrefix(line, "leaves | left "))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	m.line(t, `"msg":"program ended"`, `"program":"waits"`)
	began := time.Now()
	m.stop(t)
	if took := time.Since(began); took < time.Second || took > 5*time.Second {
		t.Errorf("the stop took %v; want the deadline of 1s and little more", took)
	}
	for name, want := range map[string]string{"polite": `"exit_code":0`, "stubborn": `"signal":"SIGKILL"`, "int": `"signal":"SIGINT"`} {
		if m.all(`"msg":"program ended"`, `"program":"`+name+`"`, want, `"again_in":"never"`) == nil {
			t.Errorf("%s did not end with %s", name, want)
		}
	}
	if len(pids) != 4 {
		t.Fatalf("want four processes: %v", pids)
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("%d is still there", pid)
		}
	}
	m.line(t, "left behind by a program, and killed")
}

func TestWhatCannotBeStarted(t *testing.T) {
	m := run(t, place{}, "", entry("nowhere", "serve", ", directory: /nonexistent, backoff: {first: 10ms, max: 20ms}"))
	for i, want := range []string{"10ms", "20ms"} {
		if failed := m.lineAfter(t, i, `"msg":"program could not be started"`); failed["again_in"] != want {
			t.Errorf("%v; want again in %s", failed, want)
		}
	}
}

// As process 1 of a namespace, as in a container.
func TestProcessOne(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatal("a namespace of processes needs root")
		}
		t.Skip("a namespace of processes needs root")
	}
	m := run(t, place{processOne: true}, "stop_timeout: 1s", entry("leaves", "leave", ", restart: never", "exit", "7"), entry("serves", "serve", ", memory: {limit_mib: 4096, by: address-space}"))
	m.line(t, `"msg":"orphan reaped"`, `"exit_code":7`)
	m.line(t, "serves | serving")
	if pid := m.pid(t, "serves", 0); pid > 100 {
		t.Errorf("its process id is %d; want a small one", pid)
	}
	m.seen(t, "serves")
	m.stop(t)
	m.line(t, `"msg":"program ended"`, `"program":"serves"`, `"exit_code":0`)
}
