package main

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// command runs faultlab as its own process and gives all it printed and its exit
// code.
func command(t *testing.T, args ...string) (string, int) {
	t.Helper()
	return outcome(t, exec.Command("faultlab", args...))
}

func outcome(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// A socket that this user may not open is told apart from one where nobody
// answers. Root may open everything, so there the command runs as nobody.
func TestEngineWithoutPermission(t *testing.T) {
	dir, err := os.MkdirTemp("", "faultlab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "engine.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := os.Chmod(socket, 0); err != nil {
		t.Fatal(err)
	}
	// A copy, because nobody can pass through the folder that tests are built in.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "faultlab")
	if err := os.WriteFile(bin, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"start", "s3"}, {"ps"}, {"grade"}, {"stop", "--all"}} {
		cmd := exec.Command(bin, args...)
		cmd.Env, cmd.Dir = append(os.Environ(), "DOCKER_HOST=unix://"+socket), dir
		unprivileged(t, cmd)
		out, code := outcome(t, cmd)
		if code != 2 || !twoLines.MatchString(out) || !strings.Contains(out, "no permission to use the Docker Engine at unix://"+socket) || !strings.Contains(out, "docker group") {
			t.Errorf("%v ended with %d:\n%s", args, code, out)
		}
	}
}
