package workspace

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2031, 5, 14, 16, 20, 0, 0, time.UTC)

func files(t *testing.T) map[string]string {
	t.Helper()
	f, err := Files("10.88.4")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// git runs a shell script in dir, with no configuration but the repository's.
func git(t *testing.T, dir, script string, stdin []byte) string {
	t.Helper()
	c := exec.Command("sh", "-e", "-c", script)
	c.Dir = dir
	c.Stdin = bytes.NewReader(stdin)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return string(out)
}

func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".git" {
			return filepath.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(p)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHistoryImports(t *testing.T) {
	want := files(t)
	stream, err := FastImport(now, 7, want, History())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	git(t, dir, ImportScript, stream)
	git(t, dir, "git fsck --strict --no-dangling", nil)
	got := tree(t, dir)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s differs from the embedded file", name)
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s is not an embedded file", name)
	}
	if n := strings.TrimSpace(git(t, dir, "git status --porcelain | wc -l", nil)); n != "0" {
		t.Errorf("%s files are changed after the import; want none", n)
	}
	times := strings.Fields(git(t, dir, "git log --format=%at", nil))
	if len(times) != len(History()) || len(times) < 18 {
		t.Errorf("%d commits; want %d, at least 18", len(times), len(History()))
	}
	for i := 1; i < len(times); i++ {
		if times[i] >= times[i-1] {
			t.Errorf("commit %d is not older than the one after it: %s, %s", i, times[i], times[i-1])
		}
	}
	if n := len(strings.Fields(git(t, dir, "git log --format=%ae | sort -u", nil))); n != len(People()) {
		t.Errorf("%d authors; want %d", n, len(People()))
	}
	for _, line := range strings.Split(strings.TrimSpace(git(t, dir, "git log --format=%ae", nil)), "\n") {
		if !strings.HasSuffix(line, "@shop.example") {
			t.Errorf("author %s; want one at shop.example", line)
		}
	}
	if out := git(t, dir, "git log --since=2.days --oneline", nil); strings.Count(out, "\n") > len(History()) {
		t.Error("no recent commits")
	}
}

// A release can be rolled back the way the runbook says.
func TestHistoryReverts(t *testing.T) {
	stream, err := FastImport(now, 7, files(t), History())
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"web: release 5.8.0", "catalog: release 2.13.1", "catalog: keep cached products", "db: log statements"} {
		dir := t.TempDir()
		git(t, dir, ImportScript, stream)
		git(t, dir, `git -c user.name=x -c user.email=x@shop.example revert --no-edit $(git log --format=%h --grep '^`+subject+`')`, nil)
	}
}

func TestFastImportRepeats(t *testing.T) {
	f := files(t)
	a, err := FastImport(now, 7, f, History())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := FastImport(now, 7, f, History())
	c, _ := FastImport(now, 8, f, History())
	if !bytes.Equal(a, b) {
		t.Error("same arguments, other bytes")
	}
	if bytes.Equal(a, c) {
		t.Error("another seed, same bytes; want other dates")
	}
}

// Between any time of the week and any seed, dates stay in order.
func TestDatesDescend(t *testing.T) {
	for seed := range uint64(40) {
		at := now.Add(time.Duration(seed) * 7 * time.Hour)
		got, err := dates(at, seed, History())
		if err != nil {
			t.Fatal(err)
		}
		newer := at
		for i, d := range got {
			if !d.Before(newer) {
				t.Fatalf("seed %d: commit %d at %v is not before %v", seed, i, d, newer)
			}
			newer = d
		}
	}
}

func TestCommitFastImport(t *testing.T) {
	f := files(t)
	stream, err := FastImport(now, 7, f, History())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	git(t, dir, ImportScript, stream)
	c := Commit{Tomas, "catalog: release 2.14.0", []Edit{
		{"compose.yaml", "catalog:2.13.1", "catalog:2.14.0"},
		{"docs/new.txt", "", "new\n"},
	}}
	add, after, err := c.FastImport(now, f)
	if err != nil {
		t.Fatal(err)
	}
	git(t, dir, AppendScript, add)
	got := tree(t, dir)
	for name, text := range after {
		if got[name] != text {
			t.Errorf("%s differs after the commit", name)
		}
	}
	if s := git(t, dir, "git log -1 --format='%an %s' && git diff --stat HEAD~1 | tail -1", nil); !strings.HasPrefix(s, "Tomás Ferreira catalog: release 2.14.0\n 2 files") {
		t.Errorf("newest commit is %q", s)
	}
}

func TestApplyRefuses(t *testing.T) {
	f := map[string]string{"a": "one two two"}
	for _, tt := range []struct {
		name string
		edit Edit
		want string
	}{
		{"absent", Edit{"a", "three", "x"}, "0 times"},
		{"twice", Edit{"a", "two", "x"}, "2 times"},
		{"no file", Edit{"b", "one", "x"}, "no such file"},
		{"exists", Edit{"a", "", "x"}, "the file exists"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Apply(f, []Edit{tt.edit})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v; want an error with %q", err, tt.want)
			}
		})
	}
	if f["a"] != "one two two" {
		t.Error("the given files were changed")
	}
}
