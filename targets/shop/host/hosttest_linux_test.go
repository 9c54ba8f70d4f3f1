package host

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// machine is a host that runs.
type machine struct {
	cmd   *exec.Cmd
	url   string
	ended chan error

	mu    sync.Mutex
	lines []string
}

// entry gives the configuration of a program that plays a role.
func entry(name, role, more string, args ...string) string {
	self, _ := os.Executable()
	command, _ := json.Marshal(append([]string{self}, args...))
	return fmt.Sprintf("- {name: %s, command: %s, environment: {HOST_TEST_ROLE: %s}%s}\n", name, command, role, more)
}

// place says where a host runs.
type place struct {
	group      string // directory of a control group
	processOne bool   // in a namespace of processes of its own
}

// run starts a host.
func run(t *testing.T, at place, settings string, programs ...string) *machine {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "host.yaml")
	text := "listen: 127.0.0.1:0\nlook_every: 100ms\n" + settings + "\nprograms:\n" + strings.Join(programs, "")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &machine{cmd: exec.Command(self, config), ended: make(chan error, 1)}
	switch {
	case at.group != "":
		m.cmd = exec.Command("/bin/sh", "-c", inGroup, "sh", at.group, self, config)
	case at.processOne:
		m.cmd = exec.Command("/bin/sh", "-c", `mount -t proc proc /proc && exec "$@"`, "sh", self, config)
		m.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS}
	}
	// A race-detecting build waits a second at its end unless told otherwise.
	m.cmd.Env = append(os.Environ(), "HOST_TEST_ROLE=host", "SHOP_RELEASE=1", "GORACE=atexit_sleep_ms=0")
	out, err := m.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.cmd.Stderr = m.cmd.Stdout
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			m.mu.Lock()
			m.lines = append(m.lines, lines.Text())
			m.mu.Unlock()
		}
		m.ended <- m.cmd.Wait()
	}()
	t.Cleanup(func() {
		m.stop(t)
		if t.Failed() {
			t.Logf("the host's log:\n%s", strings.Join(m.log(), "\n"))
		}
	})
	m.url = "http://" + m.line(t, `"msg":"serving"`)["addr"].(string)
	return m
}

func (m *machine) log() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.lines...)
}

// stop has the host end, and gives how it did.
func (m *machine) stop(t *testing.T) {
	t.Helper()
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-m.ended:
		m.ended <- err
		if err != nil {
			t.Errorf("the host ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the host does not stop")
		_ = m.cmd.Process.Kill()
		m.ended <- <-m.ended
	}
}

// all gives the lines that have every part.
func (m *machine) all(parts ...string) (found []string) {
	for _, line := range m.log() {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			found = append(found, line)
		}
	}
	return found
}

// line waits for a line that has every part, and gives what it says if it is JSON.
func (m *machine) line(t *testing.T, parts ...string) map[string]any {
	t.Helper()
	return m.lineAfter(t, 0, parts...)
}

// lineAfter waits for the line after the first n that have every part.
func (m *machine) lineAfter(t *testing.T, n int, parts ...string) map[string]any {
	t.Helper()
	for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(10 * time.Millisecond) {
		if found := m.all(parts...); len(found) > n {
			says := map[string]any{}
			_ = json.Unmarshal([]byte(found[n]), &says)
			return says
		}
	}
	t.Fatalf("no line %d with %q in\n%s", n, parts, strings.Join(m.log(), "\n"))
	return nil
}

// get gives the status and the body of an answer of the host.
func (m *machine) get(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get(m.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// metric gives the value of a metric of a program; without one, of the host.
func (m *machine) metric(t *testing.T, name, program string) float64 {
	t.Helper()
	_, body := m.get(t, "/metrics")
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, name+"{") && (program == "" || strings.Contains(line, `program="`+program+`"`)) {
			f := strings.Fields(line)
			v, err := strconv.ParseFloat(f[len(f)-1], 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("no metric %s of %q", name, program)
	return 0
}

// seen waits until the memory of a program was seen after it had begun to run.
func (m *machine) seen(t *testing.T, program string) {
	t.Helper()
	for began := time.Now(); m.metric(t, "program_rss_bytes", program) < 1<<20; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatalf("the memory of %s is not seen", program)
		}
	}
}

// pid gives the process id of the run of a program after so many others.
func (m *machine) pid(t *testing.T, program string, restarts int) int {
	t.Helper()
	return int(m.lineAfter(t, restarts, `"msg":"program started"`, `"program":"`+program+`"`)["pid"].(float64))
}

func gone(pid int) bool { return syscall.Kill(pid, 0) != nil }
