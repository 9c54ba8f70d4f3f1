// Package guesttest runs a package's tests in a kernel that has netem, wherever the
// tests are run: Debian's user-mode Linux, which is a process and boots in two seconds.
package guesttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	mark   = "FAULTLAB_TEST_GUEST"
	passed = "GUEST-TESTS-PASSED"
)

// modules are what the guest kernel needs; modprobe finds what they need.
const modules = "ipv6 veth sch_prio sch_netem sch_tbf sch_ingress cls_u32 act_mirred ifb nfnetlink_queue nf_tables nft_compat xt_NFQUEUE nft_queue"

// Inside says that we run in the guest.
func Inside() bool { return os.Getenv(mark) == "1" }

// Run runs the tests of the package in the working folder in a guest, with these flags
// of the test binary, and gives what they printed. Tests that do not pass there, or not
// within the limit, fail this one. Without root or user-mode Linux it is skipped, and
// fails where FAULTLAB_REQUIRE=1 says that all must be there.
//
// The guest has the files of this machine, one processor and a timer that ticks 100
// times a second.
func Run(t *testing.T, limit time.Duration, flags ...string) string {
	t.Helper()
	kernel, err := exec.LookPath("linux.uml")
	switch {
	case os.Geteuid() != 0:
		skip(t, "not root")
	case err != nil:
		skip(t, "user-mode Linux is not installed; `apt-get install user-mode-linux kmod`")
	}
	dir := t.TempDir()
	initFile, err := lay(dir, limit, flags)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit+2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, kernel, "mem=512M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet",
		"init="+initFile, "con=null", "con0=fd:0,fd:1", "umid=faultlab-"+filepath.Base(dir), "uml_dir="+dir)
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	text := strings.ReplaceAll(out.String(), "\r", "")
	if !strings.Contains(text, passed) {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("the guest took longer than its time limit")
		}
		t.Fatalf("the guest's tests did not pass (%v):\n%s", err, text)
	}
	return text
}

// lay puts what the guest needs into a folder: the test binary, and its first program.
func lay(dir string, limit time.Duration, flags []string) (initFile string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink("/usr/lib/uml/modules", filepath.Join(dir, "lib", "modules")); err != nil { // where modprobe looks
		return "", err
	}
	bin := filepath.Join(dir, "guest.test")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the test binary: %w\n%s", err, out)
	}
	var script bytes.Buffer
	fmt.Fprintf(&script, "#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n")
	fmt.Fprintf(&script, "export PATH=/usr/sbin:/usr/bin:/sbin:/bin %s=1 HOME=%s\n", mark, dir)
	fmt.Fprintf(&script, "for m in %s; do o=; [ $m != ifb ] || o=numifbs=0; modprobe -d %s $m $o; done\n", modules, dir)
	// What a slow kernel has not looked at yet when much is released at once is not dropped.
	fmt.Fprintf(&script, "echo 100000 > /proc/sys/net/core/netdev_max_backlog\n")
	fmt.Fprintf(&script, "ip link set lo up\ncd %s\n", dir)
	fmt.Fprintf(&script, "%s -test.v -test.timeout %v", bin, limit)
	for _, f := range flags {
		fmt.Fprintf(&script, " '%s'", strings.ReplaceAll(f, "'", `'\''`))
	}
	fmt.Fprintf(&script, " && echo %s\necho o > /proc/sysrq-trigger\nsleep 10\n", passed)
	initFile = filepath.Join(dir, "init")
	return initFile, os.WriteFile(initFile, script.Bytes(), 0o755)
}

func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("FAULTLAB_REQUIRE") == "1" {
		t.Fatalf("required here: %s", reason)
	}
	t.Skip(reason)
}
