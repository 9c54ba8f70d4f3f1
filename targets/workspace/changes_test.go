package workspace

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"faultlab/targets/images"

	"go.yaml.in/yaml/v3"
)

// Every change applies to the files, by somebody who works there, and deploys what there is.
func TestChangesApply(t *testing.T) {
	tags := map[string]bool{}
	for _, r := range images.Releases() {
		tags[r.Name()] = true
	}
	image := regexp.MustCompile(`\$\{REGISTRY\}/(\S+)`)
	spoiler := regexp.MustCompile(`(?i)\b(labs?|fault\w*|inject\w*|chaos|leak\w*|trainee|bug\w*|scenario)\b`)
	seen := map[string]bool{}
	for _, c := range Changes() {
		if seen[c.Name] || !slices.Contains(People(), c.Author) || c.Run == "" {
			t.Errorf("%s: twice %v, by %s, runs %q", c.Name, seen[c.Name], c.Author.Name, c.Run)
		}
		seen[c.Name] = true
		if m := spoiler.FindString(c.Message); m != "" {
			t.Errorf("%s says %q", c.Name, m)
		}
		var edits []Edit
		for _, e := range c.Edits {
			if m := spoiler.FindString(e.New); m != "" {
				t.Errorf("%s: %s says %q", c.Name, e.File, m)
			}
			edits = append(edits, Edit{e.File, Localize(e.Old, "10.88.4"), Localize(e.New, "10.88.4")})
		}
		after, changed, err := Apply(files(t), edits)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		for _, name := range changed {
			if strings.Contains(after[name], netMark) {
				t.Errorf("%s leaves a mark in %s", c.Name, name)
			}
			if strings.HasSuffix(name, ".yaml") {
				var any map[string]any
				if err := yaml.Unmarshal([]byte(after[name]), &any); err != nil {
					t.Errorf("%s: %s: %v", c.Name, name, err)
				}
			}
		}
		for _, m := range image.FindAllStringSubmatch(after["compose.yaml"], -1) {
			if !tags[m[1]] {
				t.Errorf("%s deploys %s, which is not there", c.Name, m[1])
			}
		}
	}
}

// The new edge-stats never lets go of a collector: each has the pipe of the one before it
// open, which so has no end. They are many and small, and none of them becomes the
// machine's largest program, which is the one that the kernel ends for want of memory.
func TestEdgeStatsByTheSecondKeepsItAll(t *testing.T) {
	const collectors = 8
	dir := t.TempDir()
	var page strings.Builder
	page.WriteString("# HELP haproxy_server_figure_total A figure.\n")
	for i := range 2000 {
		page.WriteString("haproxy_server_figure_" + strconv.Itoa(i) + "_total{proxy=\"eu\",server=\"eu-a-1\"} 1234567\n")
	}
	for name, text := range map[string]string{
		"page":  page.String(),
		"nc":    "#!/bin/sh\nexec cat " + dir + "/page\n",
		"sleep": "#!/bin/sh\necho >> " + dir + "/looks\n[ $(wc -l < " + dir + "/looks) -lt " + strconv.Itoa(5*collectors) + " ] || exec tail -f /dev/null\n",
		"looks": "",
		// Another time at each look.
		"date":   "#!/bin/sh\nprintf '2031-05-14T%08d\\n' $(wc -l < " + dir + "/looks)\n",
		"run.sh": changeText("edge-stats.sh"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", filepath.Join(dir, "run.sh"))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "PATH="+dir+":"+os.Getenv("PATH"))
	endGroup(t, cmd)
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		said, _ := os.ReadFile(filepath.Join(dir, "looks"))
		if strings.Count(string(said), "\n") >= 5*collectors {
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("%d looks after a minute", strings.Count(string(said), "\n"))
		}
	}
	out, err := exec.Command("ps", "-o", "rss=,args=", "--no-headers", "-g", strconv.Itoa(cmd.Process.Pid)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var kib []int
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasSuffix(f[1], "awk") {
			n, _ := strconv.Atoi(f[0])
			kib = append(kib, n)
		}
	}
	if len(kib) != collectors {
		t.Fatalf("%d collectors (%v KiB) after %d looks; want %d", len(kib), kib, 5*collectors, collectors)
	}
	if slices.Min(kib) < 500 || slices.Max(kib) > 5000 {
		t.Errorf("collectors of %v KiB; want them to have something, and none much", kib)
	}
	t.Logf("KiB of the collectors: %v", kib)
}
