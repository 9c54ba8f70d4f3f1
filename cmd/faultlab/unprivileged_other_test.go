//go:build !linux

package main

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
)

// unprivileged skips the test where a socket's mode keeps nobody out.
func unprivileged(t *testing.T, _ *exec.Cmd) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("sockets here have no owner, or this is root")
	}
}
