package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBothWaysShareTheLists(t *testing.T) {
	file := Dockerfile()
	args := strings.Join(Bootstrap{}.Args(), "\n")
	for _, p := range Packages() {
		if !regexp.MustCompile(`[=,]` + regexp.QuoteMeta(p) + `(,|\n)`).MatchString(args) {
			t.Errorf("mmdebstrap does not install %s", p)
		}
		if !regexp.MustCompile(`(?m)^    ` + regexp.QuoteMeta(p) + `( \\)?$`).MatchString(file) {
			t.Errorf("the Dockerfile does not install %s", p)
		}
	}
	for _, e := range exclusions {
		if !strings.Contains(args, "--dpkgopt=path-exclude="+e+"\n") {
			t.Errorf("mmdebstrap does not exclude %s", e)
		}
		if !strings.Contains(file, "'path-exclude="+e+"'") {
			t.Errorf("the Dockerfile does not exclude %s", e)
		}
	}
	if !strings.Contains(file, " AS root\nLABEL "+Label+"=base\n") {
		t.Error("the first stage, which stays without a name, does not carry the label by which images are removed")
	}
	if slices.Contains(Packages(), "nftables") {
		t.Error("nftables is in the image; want no tool of the injector's there")
	}
}

func TestBootstrapArgs(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    Bootstrap
		want []string
		not  string
	}{
		{"defaults", Bootstrap{}, []string{"--mode=auto", Suite, "-"}, "--mode=root"},
		{"mirror", Bootstrap{Mode: "root", Mirror: "http://m.example/debian"}, []string{"--mode=root", "deb http://m.example/debian trixie main"}, "--mode=auto"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := tt.b.Args()
			for _, w := range tt.want {
				if !slices.Contains(args, w) {
					t.Errorf("no argument %q in %q", w, args)
				}
			}
			if tt.not != "" && slices.Contains(args, tt.not) {
				t.Errorf("argument %q; want none", tt.not)
			}
		})
	}
}

// The scripts run inside single quotes, and must be good shell.
func TestScripts(t *testing.T) {
	for name, script := range map[string]string{
		"prepare": prepare,
		"finish":  finish(),
		"seed":    seed([]SQL{{"roles.sql", "postgres"}, {"schema.sql", "shop"}}),
	} {
		if strings.Contains(script, "'") {
			t.Errorf("%s holds a single quote", name)
		}
		for _, form := range []string{script, strings.ReplaceAll(chain(script), "\\\n", "")} {
			c := exec.Command("sh", "-n")
			c.Stdin = strings.NewReader(form)
			if out, err := c.CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		}
	}
}

func TestSystem(t *testing.T) {
	text := System("base:1", []SQL{{"a.sql", "postgres"}, {"b.sql", "shop"}})
	a, b := strings.Index(text, "/a.sql"), strings.Index(text, "/b.sql")
	if a < 0 || b < a {
		t.Errorf("a.sql at %d, b.sql at %d; want both, in this order", a, b)
	}
	if !strings.HasPrefix(text, "FROM base:1\n") {
		t.Error("not made from the base")
	}
	for _, want := range []string{"rootfs/etc/gitconfig", "rootfs/root/.bashrc", "rootfs/usr/local/bin/unpack", "rootfs/etc/prometheus/amtool.yml"} {
		if len(Rootfs()[want]) == 0 {
			t.Errorf("no file %s", want)
		}
	}
}

func TestReleases(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Releases() {
		if seen[r.Name()] {
			t.Errorf("%s occurs twice", r.Name())
		}
		seen[r.Name()] = true
		if len(r.Entrypoint) == 0 || r.StopSignal == "" {
			t.Errorf("%s: entry point %q, stop signal %q; want both", r.Name(), r.Entrypoint, r.StopSignal)
		}
		text := r.Dockerfile("system:1")
		if !strings.Contains(text, `faultlab.image="shop"`) {
			t.Errorf("%s does not carry the label by which images are removed", r.Name())
		}
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			switch word, _, _ := strings.Cut(line, " "); word {
			case "FROM", "LABEL", "ENV", "WORKDIR", "USER", "STOPSIGNAL", "ENTRYPOINT", "CMD":
			default:
				t.Errorf("%s: instruction %s; want none that adds a layer", r.Name(), word)
			}
		}
	}
	for _, want := range []string{"web:5.7.2", "web:5.8.0", "web:5.9.0", "catalog:2.12.0", "catalog:2.13.1",
		"catalog:2.14.0", "catalog:2.15.0", "edge:3.0", "postgres:17", "dns:2.91", "bastion:1", "traffic:1", "prometheus:2.53", "alertmanager:0.28", "pager:1"} {
		if !seen[want] {
			t.Errorf("no %s", want)
		}
	}
}

func TestArchive(t *testing.T) {
	at := time.Date(2031, 5, 14, 0, 0, 0, 0, time.UTC)
	base := Base{"amd64", "linux", []string{"sha256:aa", "sha256:bb"}}
	data, err := Archive(base, "registry.example/x", at, Releases())
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Archive(base, "registry.example/x", at, Releases())
	if !bytes.Equal(data, again) {
		t.Error("same arguments, other bytes")
	}
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != len(Releases()) {
		t.Fatalf("%d images; want %d", len(manifest), len(Releases()))
	}
	for i, r := range Releases() {
		m := manifest[i]
		var c imageConfig
		if err := json.Unmarshal(files[m.Config], &c); err != nil {
			t.Fatalf("%s: %v", r.Name(), err)
		}
		if m.RepoTags[0] != "registry.example/x/"+r.Name() || len(m.Layers) != 2 ||
			!slices.Equal(c.RootFS.DiffIDs, base.DiffIDs) || !slices.Equal(c.Config.Entrypoint, r.Entrypoint) {
			t.Errorf("%s: manifest %+v, configuration %+v", r.Name(), m, c)
		}
		if c.Config.Labels[Label] != "shop" {
			t.Errorf("%s does not carry the label by which images are removed: %q", r.Name(), c.Config.Labels)
		}
		if r.Service == "web" && !slices.Contains(c.Config.Env, "SHOP_RELEASE="+r.Tag) {
			t.Errorf("%s: environment %q", r.Name(), c.Config.Env)
		}
	}
	if _, err := Archive(Base{}, "r", at, nil); err == nil {
		t.Error("no layers, yet no error")
	}
}
