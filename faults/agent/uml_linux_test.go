package agent

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

// guestModules are what the guest kernel needs; modprobe finds what they need.
const guestModules = "ipv6 veth sch_prio sch_netem sch_tbf sch_ingress cls_u32 act_mirred ifb nfnetlink_queue nf_tables nft_compat xt_NFQUEUE nft_queue"

// guestTests are run in the guest; the table of expectations is the host's.
const guestTests = "^(TestLatencyIsExact|TestLossIsExact|TestDuplicateIsExact|TestCorruptIsExact|TestReorderIsExact|TestRateIsExact|TestDisturbances.*|TestRateThatIsNotFelt|TestRateOfTCP|TestDirections|TestPeers|TestLocalPort|TestStack|TestRevertKeepsWhatWaits|TestJitter|Test.*OnTheWire|TestBurstsBesideOthers|TestNothingIsDroppedByTheLimit|TestLadder|TestNetem.*|TestEndOfInput.*|TestKilled.*|TestTimeToLive|TestTargetEnds|TestRefusals|TestCancel|TestNames|TestHardLimit|TestNamesRefused)$"

const passed = "GUEST-TESTS-PASSED"

// TestGuest runs the tests in a kernel that has netem: Debian's user-mode
// Linux, which is a process and boots in two seconds.
func TestGuest(t *testing.T) {
	if guest() {
		t.Skip("this is the guest")
	}
	needRoot(t)
	kernel, err := exec.LookPath("linux.uml")
	if err != nil {
		skip(t, "user-mode Linux is not installed; `apt-get install user-mode-linux kmod`")
	}
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "lib"), 0o755))
	must(t, os.Symlink("/usr/lib/uml/modules", filepath.Join(dir, "lib", "modules"))) // where modprobe looks
	bin := filepath.Join(dir, "agent.test")
	build := exec.Command("go", "test", "-c", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the test binary: %v\n%s", err, out)
	}
	var script bytes.Buffer
	fmt.Fprintf(&script, "#!/bin/sh\nmount -t proc proc /proc\nmount -t sysfs sysfs /sys\n")
	fmt.Fprintf(&script, "export PATH=/usr/sbin:/usr/bin:/sbin:/bin FAULTLAB_TEST_GUEST=1 HOME=%s\n", dir)
	fmt.Fprintf(&script, "for m in %s; do o=; [ $m != ifb ] || o=numifbs=0; modprobe -d %s $m $o; done\n", guestModules, dir)
	// What a slow kernel has not looked at yet when much is released at once is not dropped.
	fmt.Fprintf(&script, "echo 100000 > /proc/sys/net/core/netdev_max_backlog\n")
	fmt.Fprintf(&script, "ip link set lo up\ncd %s\n", dir)
	fmt.Fprintf(&script, "%s -test.v -test.timeout 10m -test.run '%s' && echo %s\n", bin, guestTests, passed)
	fmt.Fprintf(&script, "echo o > /proc/sysrq-trigger\nsleep 10\n")
	initFile := filepath.Join(dir, "init")
	must(t, os.WriteFile(initFile, script.Bytes(), 0o755))

	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, kernel, "mem=512M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet",
		"init="+initFile, "con=null", "con0=fd:0,fd:1", "umid=faultlab-"+filepath.Base(dir), "uml_dir="+dir)
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err = cmd.Run()
	text := strings.ReplaceAll(out.String(), "\r", "")
	if !strings.Contains(text, passed) {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Error("the guest took longer than its time limit")
		}
		t.Fatalf("the guest's tests did not pass (%v):\n%s", err, text)
	}
	t.Logf("guest passed in %v:\n%s", time.Since(start).Round(time.Second), text)
}
