package faulttest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"faultlab/faults/engine/enginetest"
)

// A module elsewhere, which names this one's folder as the README tells, has an agent in
// its tests, also in those that do not know where they were built.
func TestFromAnotherModule(t *testing.T) {
	enginetest.Open(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// What go mod tidy would write; it asks the net.
	for _, name := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	err = os.WriteFile(filepath.Join(dir, "outside_test.go"), []byte(`package outside

import (
	"testing"

	"faultlab/faults/faulttest"
)

func TestOutside(t *testing.T) { faulttest.Start(t) }
`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"mod", "edit", "-module=example.com/outside", "-require=faultlab@v0.0.0", "-replace=faultlab=" + root},
		{"test", "-mod=mod", "-trimpath", "-count=1", "."},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
	}
}
