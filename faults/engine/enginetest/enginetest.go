// Package enginetest holds what tests with a real Docker Engine share.
package enginetest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"faultlab/faults/engine"
)

// Open connects to the engine of this machine for the length of a test. Without one
// the test is skipped, and fails where FAULTLAB_REQUIRE=1 says that all must be there.
func Open(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context())
	if err != nil {
		if os.Getenv("FAULTLAB_REQUIRE") == "1" {
			t.Fatalf("required here: %v", err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// ImportSelf makes an image whose entry point is the test binary of the package in
// the working directory, and removes it when the test has ended. Changes are more
// lines for the image, as in a Dockerfile.
func ImportSelf(t *testing.T, e *engine.Engine, ref string, changes ...string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "self")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the test image's binary: %v\n%s", err, out)
	}
	b, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	err = w.WriteHeader(&tar.Header{Name: "self", Mode: 0o755, Size: int64(len(b))})
	if err == nil {
		_, err = w.Write(b)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := e.Import(t.Context(), &buf, ref, append(changes, `ENTRYPOINT ["/self"]`)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.RemoveImage(context.WithoutCancel(t.Context()), ref) })
}

// Run runs a container until the test ends and gives its id.
func Run(t *testing.T, e *engine.Engine, s engine.Spec) string {
	t.Helper()
	id, err := e.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Remove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Error(err)
		}
	})
	return id
}

// Refusal is how long a container takes to refuse a TCP connection from this
// machine: one round trip. Nothing may listen on its port 9.
func Refusal(t *testing.T, e *engine.Engine, id string) time.Duration {
	t.Helper()
	c, err := e.Inspect(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range c.Networks {
		began := time.Now()
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip, "9"), 5*time.Second)
		if err == nil {
			conn.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("connect to %s: %v; want it refused", ip, err)
		}
		return time.Since(began)
	}
	t.Fatalf("container %s has no address", id)
	return 0
}
