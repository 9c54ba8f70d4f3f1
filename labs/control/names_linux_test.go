package control

import (
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"faultlab/labs/catalog"
	"faultlab/targets/workspace"
)

func TestAnswers(t *testing.T) {
	got := answers("db.shop.internal 10.0.0.20\nnobody.example\n\npair.example 10.0.0.1 10.0.0.2 in its own hosts file\n")
	want := map[string]string{"db.shop.internal": "10.0.0.20", "nobody.example": "", "pair.example": "10.0.0.1 10.0.0.2 in its own hosts file"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q; want %q", got, want)
	}
}

// In this machine's own hosts file is at least localhost.
func TestLookUpTellsOfAHostsFile(t *testing.T) {
	out, err := exec.Command("sh", "-c", lookUp, "sh", "localhost", "localhos", "nobody.invalid").Output()
	if err != nil {
		t.Fatal(err)
	}
	got := answers(string(out))
	if !strings.HasPrefix(got["localhost"], "127.0.0.1") || !strings.HasSuffix(got["localhost"], "in its own hosts file") || strings.Contains(got["localhos"], "hosts file") || got["nobody.invalid"] != "" {
		t.Errorf("%q", got)
	}
}

// Labs look up names that there are, and the one whose owner the grader moves is that of
// the first payment partner.
func TestNamesOfLabsAreThoseOfTheZone(t *testing.T) {
	files, err := workspace.Files("10.88.4")
	if err != nil {
		t.Fatal(err)
	}
	zone := map[string]string{}
	for line := range strings.Lines(files["dns/shop.internal.hosts"]) {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "#" {
			for _, name := range f[1:] {
				zone[name] = f[0]
			}
		}
	}
	for _, id := range catalog.IDs() {
		l, err := catalog.Load(id, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range l.Checks {
			for _, name := range k.Names {
				at := zone[name]
				if at == "" || k.Kind == "moved" && at != fmt.Sprintf("10.88.4.%d", partners[0].host) {
					t.Errorf("%s: %s looks up %s, which is at %q", id, k.ID, name, at)
				}
			}
		}
	}
	for name, at := range zone {
		if at == fmt.Sprintf("10.88.4.%d", awayHost) {
			t.Errorf("%s is where a partner is to be moved", name)
		}
	}
}
