package stress

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// rulesOf is what nft shows in a process's network: nothing without faults.
func rulesOf(pid int) string {
	return in(pid, "nft list ruleset; tc qdisc show; tc filter show dev eth0")
}

func in(pid int, script string) string {
	out, err := exec.Command("nsenter", "-n", "-t", strconv.Itoa(pid), "sh", "-c", script).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s%v\n", out, err)
	}
	return string(out)
}

// snapshot is the state of a target that faults might change.
func snapshot(pid int) string {
	var out strings.Builder
	out.WriteString(in(pid, "ip -o link; ip -o addr; ip route show table all; ip -6 route show table all; ip rule; "+
		"tc qdisc show; tc filter show dev eth0; nft list ruleset"))
	for _, f := range []string{"root/etc/resolv.conf", "root/etc/hosts", "limits", "mountinfo"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, f))
		fmt.Fprintf(&out, "%s: %v\n%s\n", f, err, text)
	}
	groups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	out.Write(groups)
	for line := range strings.Lines(string(groups)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) == 3 {
			settings(&out, filepath.Join("/sys/fs/cgroup", strings.TrimPrefix(f[1], "name="), f[2]))
		}
	}
	return out.String()
}

// settings are the files of a control group that can be written and do not change by themselves.
func settings(out *strings.Builder, dir string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if d.IsDir() {
			fmt.Fprintln(out, path)
			return nil
		}
		fi, err := d.Info()
		if err != nil || fi.Mode()&0o200 == 0 {
			return nil
		}
		for _, s := range []string{"usage", "failcnt", "procs", "tasks", "threads", "pressure", "event_control", "force_empty", "reset", "reclaim", "kill", "peak"} {
			if strings.Contains(d.Name(), s) {
				return nil
			}
		}
		text, err := os.ReadFile(path)
		if i := bytes.Index(text, []byte("oom_kill ")); i >= 0 { // a counter
			text = text[:i]
		}
		fmt.Fprintf(out, "%s: %q %v\n", path, text, err != nil)
		return nil
	})
}

// unlike are the lines of two texts that are not in both.
func unlike(before, after string) string {
	var out strings.Builder
	for l := range strings.Lines(before) {
		if !strings.Contains(after, l) {
			out.WriteString("- " + l)
		}
	}
	for l := range strings.Lines(after) {
		if !strings.Contains(before, l) {
			out.WriteString("+ " + l)
		}
	}
	return out.String()
}
