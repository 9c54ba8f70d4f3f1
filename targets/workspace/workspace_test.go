package workspace

import (
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestFilesAndEnv(t *testing.T) {
	f := files(t)
	for name, text := range f {
		if strings.Contains(text, netMark) {
			t.Errorf("%s holds an unfilled mark", name)
		}
		if !strings.HasSuffix(text, "\n") {
			t.Errorf("%s does not end with a new line", name)
		}
	}
	if !strings.Contains(f["dns/shop.internal.hosts"], "10.88.4.20    db.shop.internal") {
		t.Errorf("no address of the database in\n%s", f["dns/shop.internal.hosts"])
	}
	if _, ok := f[".env"]; ok || !strings.Contains(f[".gitignore"], ".env\n") {
		t.Error(".env is in git; want it ignored")
	}
	good := Env{"shop-x", "x_shop", "x_users", "10.88.4", "10.88.5", "fd00:88:4:5", "registry.shop.internal/ab12", true}
	text, err := good.Text()
	if err != nil || !strings.Contains(text, "\nSHOP_NET=10.88.4\n") || !strings.Contains(text, "\nUSERS_NET6=fd00:88:4:5\n") {
		t.Errorf("%v, %s", err, text)
	}
	for _, v := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(f["compose.yaml"], -1) {
		if !strings.Contains(text, "\n"+v[1]+"=") {
			t.Errorf("compose.yaml uses %s, which .env lacks", v[1])
		}
	}
	for _, bad := range []Env{
		{"shop x", "a", "b", "10.88.4", "10.88.5", "", "r", false},
		{"shop-x", "a", "b", "10.88.4.0", "10.88.5", "", "r", false},
		{"shop-x", "a", "b", "10.88.4", "10.88", "", "r", false},
		{"shop-x", "a", "b", "10.88.4", "10.88.5", "10.88", "r", false},
		{"shop-x", "a", "b", "10.88.4", "10.88.5", "fd00:88:4:5::", "r", false},
		{"shop-x", "a", "b", "10.88.4", "10.88.5", "", "", false},
	} {
		if _, err := bad.Text(); err == nil {
			t.Errorf("%+v is taken; want an error", bad)
		}
	}
	if _, err := Files("10.88"); err == nil {
		t.Error("two octets are taken; want an error")
	}
}

// Words that would tell what the workspace is for.
func TestNoSpoilers(t *testing.T) {
	word := regexp.MustCompile(`(?i)\b(labs?|fault\w*|inject\w*|chaos|leak\w*|trainee|grad(e|ing)|exercise|scenario)\b`)
	check := func(where, text string) {
		if m := word.FindString(text); m != "" {
			t.Errorf("%s says %q", where, m)
		}
	}
	for name, text := range files(t) {
		check(name, text)
	}
	for _, p := range History() {
		check("a commit's message", p.Message)
		for _, e := range p.Edits {
			check("an edit of "+e.File, e.Old+e.New)
		}
	}
}

func TestCompose(t *testing.T) {
	type service struct {
		Image      string
		Labels     map[string]string
		Env        map[string]string `yaml:"environment"`
		Memory     string            `yaml:"mem_limit"`
		MemorySwap string            `yaml:"memswap_limit"`
		Restart    string
		DNS        []string
		Pull       string `yaml:"pull_policy"`
		Logging    struct{ Options map[string]string }
		Volumes    []string
	}
	var c struct{ Services map[string]service }
	if err := yaml.Unmarshal([]byte(files(t)["compose.yaml"]), &c); err != nil {
		t.Fatal(err)
	}
	memory := map[string]string{"edge": "64m", "db": "160m", "dns": "16m", "catalog-a": "48m", "catalog-b": "48m", "checkout": "48m", "redis": "32m", "jobs": "80m", "prometheus": "128m", "alertmanager": "48m", "db-replica": "64m"}
	place := map[string]string{
		"edge": "us-a", "web-us-a": "us-a", "web-us-b": "us-b", "web-eu": "eu-a", "web-ap": "ap-a",
		"catalog-a": "us-a", "catalog-b": "us-b", "checkout": "us-a", "shipping": "us-a", "jobs": "us-a", "redis": "us-a", "db": "us-a", "dns": "us-a", "prometheus": "us-a", "alertmanager": "us-a", "db-replica": "us-b",
	}
	if len(c.Services) != len(place) {
		t.Errorf("%d services; want %d", len(c.Services), len(place))
	}
	for name, s := range c.Services {
		want := memory[name]
		if want == "" {
			want = "40m"
		}
		if s.Memory != want || s.MemorySwap != s.Memory {
			t.Errorf("%s: memory %s, with swap %s; want %s for both", name, s.Memory, s.MemorySwap, want)
		}
		if s.Labels["place"] != place[name] || s.Env["ZONE"] != "" && s.Env["ZONE"] != place[name] {
			t.Errorf("%s: labels %v, environment %v; want place %s", name, s.Labels, s.Env, place[name])
		}
		if strings.HasPrefix(name, "web-") && (s.Labels["region"] == "" || s.Labels["region"] != s.Env["REGION"]) {
			t.Errorf("%s: labels %v, environment %v; want the same region", name, s.Labels, s.Env)
		}
		if s.Restart != "always" || s.Pull != "never" || len(s.DNS) != 1 || s.Logging.Options["max-size"] != "5m" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
