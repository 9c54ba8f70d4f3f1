package control

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"faultlab/labs/catalog"
	"faultlab/targets/workspace"
)

// What the author runs comes after the commit, and sees the files as they are then.
func TestADeployRunsAfterItsCommit(t *testing.T) {
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
	if err := os.WriteFile(filepath.Join(dir, "db", "migrations", "0008_x.sql"), []byte("SELECT 1;\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	sh(t, dir, deployScript(catalog.Deploy{
		Author: "Jonas Weber <jonas.weber@shop.example>", Message: "db: 0008",
		Run: "git log -1 --format=%s > ../ran && cat db/migrations/0008_x.sql >> ../ran",
	}), "")
	t.Cleanup(func() { _ = os.Remove(filepath.Join(dir, "..", "ran")) })
	ran, err := os.ReadFile(filepath.Join(dir, "..", "ran"))
	if err != nil || string(ran) != "db: 0008\nSELECT 1;\n" {
		t.Errorf("it saw %q (%v); want the commit and its file", ran, err)
	}
	if left := sh(t, dir, "git status --porcelain", ""); left != "" {
		t.Errorf("not committed: %s", left)
	}
}
