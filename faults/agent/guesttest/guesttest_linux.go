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

const passed = "GUEST-TESTS-PASSED"

// modules are what the guest kernel needs; modprobe finds what they need.
const modules = "ipv6 veth sch_prio sch_netem sch_tbf sch_ingress cls_u32 act_mirred ifb nfnetlink_queue nf_tables nft_compat xt_NFQUEUE nft_queue"

// kernel is the guest's, a program.
const kernel = "linux.uml"

// Build builds the tests of the package in the working folder, for [Run]. Without root or
// user-mode Linux the test is skipped, and fails where FAULTLAB_REQUIRE=1 says that all
// must be there.
func Build(t *testing.T) (binary string) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "not root")
	}
	if _, err := exec.LookPath(kernel); err != nil {
		skip(t, "user-mode Linux is not installed; `apt-get install user-mode-linux kmod`")
	}
	binary = filepath.Join(t.TempDir(), "guest.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the test binary: %v\n%s", err, out)
	}
	return binary
}

// Run runs a test binary in a guest, with these flags, and gives what it printed. Tests
// that do not pass there, or not within the limit, fail this one.
//
// The guest has the files of this machine, one processor and a timer that ticks 100
// times a second.
func Run(t *testing.T, binary string, limit time.Duration, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	initFile, err := lay(dir, binary, limit, flags)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit+2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, kernel, "mem=512M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet",
		"init="+initFile, "con=null", "con0=fd:0,fd:1", "umid=faultlab-"+filepath.Base(dir), "uml_dir="+dir)
	cmd.Args = append(cmd.Args, narrow...)
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := startNarrow(cmd); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	text := strings.ReplaceAll(out.String(), "\r", "")
	if !strings.Contains(text, passed) {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("the guest took longer than its time limit")
		}
		// The end names them again: it is what a log that was cut still has.
		t.Fatalf("the guest's tests did not pass (%v):\n%s\n%s", err, text, failures(text))
	}
	return text
}

// lay puts what the guest needs into a folder: where modprobe looks, and its first program.
func lay(dir, binary string, limit time.Duration, flags []string) (initFile string, err error) {
	if err := os.MkdirAll(filepath.Join(dir, "lib"), 0o755); err != nil {
		return "", err
	}
	if err := os.Symlink("/usr/lib/uml/modules", filepath.Join(dir, "lib", "modules")); err != nil {
		return "", err
	}
	var script bytes.Buffer
	fmt.Fprintf(&script, "#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n")
	fmt.Fprintf(&script, "export PATH=/usr/sbin:/usr/bin:/sbin:/bin %s=1 HOME=%s\n", mark, dir)
	fmt.Fprintf(&script, "for m in %s; do o=; [ $m != ifb ] || o=numifbs=0; modprobe -d %s $m $o; done\n", modules, dir)
	// What a slow kernel has not looked at yet when much is released at once is not dropped.
	fmt.Fprintf(&script, "echo 100000 > /proc/sys/net/core/netdev_max_backlog\n")
	fmt.Fprintf(&script, "ip link set lo up\ncd %s\n", dir)
	fmt.Fprintf(&script, "%s -test.v -test.timeout %v", binary, limit)
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
