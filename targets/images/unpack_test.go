package images

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is kept packed is in the image, its place is taken by a link, and the script
// behind that starts it: what was unpacked before, or what it unpacks now.
func TestUnpack(t *testing.T) {
	for _, p := range packed {
		if !strings.Contains(finish(), "zstd -q -6 --rm /usr/bin/"+p+" -o /usr/lib/packed/"+p+".zst\nln -s /usr/local/bin/unpack /usr/bin/"+p+"\n") {
			t.Errorf("%s is not packed", p)
		}
	}
	dir := t.TempDir()
	text := string(Rootfs()["rootfs/usr/local/bin/unpack"])
	for _, d := range []string{"/usr/lib/packed", "/var/cache/unpacked"} {
		if !strings.Contains(text, d) {
			t.Fatalf("the script does not know %s", d)
		}
		text = strings.ReplaceAll(text, d, dir)
	}
	for name, body := range map[string]string{
		"unpack":   text,
		"tool.zst": "#!/bin/sh\necho packed \"$@\"\nexit 3\n",
		"zstd":     "#!/bin/sh\ncat \"$2\"\n", // what is packed is as it is
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string) (string, int) {
		link := filepath.Join(t.TempDir(), name)
		if err := os.Symlink(filepath.Join(dir, "unpack"), link); err != nil {
			t.Fatal(err)
		}
		c := exec.Command(link, "a b", "c")
		c.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, _ := c.CombinedOutput()
		return string(out), c.ProcessState.ExitCode()
	}
	for _, when := range []string{"first", "second"} {
		if out, code := run("tool"); out != "packed a b c\n" || code != 3 {
			t.Errorf("%s time: %q, exit code %d; want the program's", when, out, code)
		}
		os.Remove(filepath.Join(dir, "tool.zst")) // is not needed again
	}
	if out, code := run("other"); code != 127 {
		t.Errorf("what is not there: %q, exit code %d; want 127", out, code)
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*.[0-9]*"))
	if len(left) != 0 {
		t.Errorf("%q is left of what could not be unpacked", left)
	}
}
