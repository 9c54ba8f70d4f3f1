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

// The new edge-stats keeps every figure it has read of the day: its collectors grow with
// each look, all alike: none of them becomes the machine's largest program, which is the
// one that the kernel ends for want of memory.
func TestEdgeStatsByTheSecondKeepsItAll(t *testing.T) {
	const looks = 40 // of 300 figures
	grown := collectors(t, changeText("edge-stats.sh"), looks)
	if len(grown) != 6 {
		t.Fatalf("%d collectors; want 6", len(grown))
	}
	for _, first := range collectors(t, changeText("edge-stats.sh"), 4) {
		for _, last := range grown {
			if last < first+20*looks {
				t.Errorf("a collector has %d KiB after %d looks, %d KiB after 4; want %d more", last, looks, first, 20*looks)
			}
		}
	}
	if slices.Max(grown) > slices.Min(grown)*5/4 {
		t.Errorf("a collector has %d KiB, another %d; want them alike", slices.Max(grown), slices.Min(grown))
	}
	t.Logf("KiB of the collectors after %d looks: %v", looks, grown)
}

// collectors runs the script until each proxy was looked at some times, and gives the
// memory of its programs that keep figures.
func collectors(t *testing.T, script string, looks int) []int {
	t.Helper()
	dir := t.TempDir()
	var page strings.Builder
	// A proxy has as many figures as it has servers.
	for proxy, figures := range map[string]int{"users": 60, "us": 720, "eu": 420, "ap": 420, "catalog": 120, "checkout": 60} {
		page.WriteString("# HELP haproxy_server_figure_total A figure.\n")
		for i := range figures {
			page.WriteString("haproxy_server_figure_" + strconv.Itoa(i) + "_total{proxy=\"" + proxy + "\",server=\"" + proxy + "-a-1\"} 1234567\n")
		}
	}
	for name, text := range map[string]string{
		"page":  page.String(),
		"curl":  "#!/bin/sh\nexec cat " + dir + "/page\n",
		"sleep": "#!/bin/sh\necho >> " + dir + "/looks\n[ $(wc -l < " + dir + "/looks) -lt " + strconv.Itoa(6*looks) + " ] || exec tail -f /dev/null\n",
		"looks": "",
		// Another time at each look, of one day.
		"date":   "#!/bin/sh\nprintf '2031-05-14T%08d\\n' $(wc -l < " + dir + "/looks)\n",
		"run.sh": script,
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
		if strings.Count(string(said), "\n") >= 6*looks {
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
	return kib
}
