package control

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/labs/catalog"
	"faultlab/targets/workspace"
)

// sh runs a script in a folder, with no configuration of git but the repository's.
func sh(t *testing.T, dir, script, stdin string) string {
	t.Helper()
	c := exec.Command("bash", "-c", script)
	c.Dir, c.Stdin = dir, strings.NewReader(stdin)
	c.Env = append(os.Environ(), "HOME="+dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "TZ=UTC")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// The commit that breaks the shop looks like those before it: by someone who works
// there, by their clock.
func TestBreakingCommitIsLikeItsAuthorsOthers(t *testing.T) {
	people := map[string]workspace.Person{}
	for _, p := range workspace.People() {
		people[p.Name+" <"+p.Email+">"] = p
	}
	files, err := workspace.Files("10.213.4")
	if err != nil {
		t.Fatal(err)
	}
	past, err := workspace.FastImport(time.Now(), 1, files, workspace.History())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sh(t, dir, workspace.ImportScript, string(past))
	for _, id := range catalog.IDs() {
		first, err := catalog.Load(id, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range first.Variants {
			l, err := catalog.Load(id, v.ID)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range l.Break {
				if s.Deploy == nil {
					continue
				}
				p, ok := people[s.Deploy.Author]
				if !ok {
					t.Errorf("%s/%s: %s has never worked on the shop", id, v.ID, s.Deploy.Author)
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(id+v.ID), 0o644); err != nil {
					t.Fatal(err)
				}
				began := time.Now().Truncate(time.Second)
				sh(t, dir, commitScript(*s.Deploy), "")
				got := strings.Split(sh(t, dir, "git log -1 --format='%an <%ae>%n%cn <%ce>%n%ad%n%cd%n%B' --date=raw", ""), "\n")
				zone := " " + p.Offset
				if got[0] != s.Deploy.Author || got[1] != got[0] || !strings.HasSuffix(got[2], zone) || got[3] != got[2] || got[4] != firstLine(s.Deploy.Message) {
					t.Errorf("%s/%s: committed as %q; want %s at%s", id, v.ID, got, s.Deploy.Author, zone)
				}
				zones := strings.Fields(sh(t, dir, "git log --format=%ad --date=format:%z --author="+quote(p.Email), ""))
				if len(zones) < 3 || len(slices.Compact(zones)) != 1 {
					t.Errorf("%s/%s: %s commits in the zones %v", id, v.ID, p.Name, zones)
				}
				when, err := time.Parse(time.RFC3339, sh(t, dir, "git log -1 --format=%cI", ""))
				if err != nil || when.Before(began) || when.After(time.Now()) {
					t.Errorf("%s/%s: committed at %v, %v; want now", id, v.ID, when, err)
				}
			}
		}
	}
}
