package workspace

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/targets/images"
	"faultlab/targets/shop"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/host"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/web"
)

const collectorURL = "http://traces.shop.internal:4318"

// The settings files are read by services that refuse unknown keys.
func TestSettingsLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		t.Helper()
		p := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(p, []byte(files(t)[name]), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	w := web.DefaultConfig()
	if err := service.Load(write("config/web.yaml"), &w); err != nil {
		t.Error(err)
	}
	wantWeb := web.DefaultConfig()
	wantWeb.Traces.Endpoint = collectorURL
	if want := wantWeb; w != want {
		t.Errorf("web's settings are %+v; want the defaults, %+v", w, want)
	}
	c := catalog.DefaultConfig()
	if err := service.Load(write("config/catalog.yaml"), &c); err != nil {
		t.Error(err)
	}
	want := catalog.DefaultConfig()
	want.Database.Password, want.Traces.Endpoint = images.AppPassword, collectorURL
	if c != want {
		t.Errorf("catalog's settings are %+v; want the defaults, %+v", c, want)
	}
}

// Those of the services around checkout say what the defaults are, but for where the
// others are to be found.
func TestSettingsOfOrders(t *testing.T) {
	o := checkout.DefaultConfig()
	settings(t, "config/checkout.yaml", &o)
	want := checkout.DefaultConfig()
	want.Traces.Endpoint = collectorURL
	want.Database.Password, want.Queue.Address = images.AppPassword, shipping.DefaultConfig().Queue.Address
	want.Payments.Failover = checkout.FailoverOff
	for _, name := range []string{"primary", "backup"} {
		p := checkout.DefaultProvider(name, "http://"+name+".payments.example:8080")
		p.Pool.Max = 16
		want.Payments.Providers = append(want.Payments.Providers, p)
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("checkout's settings are %+v; want %+v", o, want)
	}
	s := shipping.DefaultConfig()
	settings(t, "config/shipping.yaml", &s)
	if want := shipping.DefaultConfig(); s.Database.Password != images.ShippingPassword {
		t.Errorf("shipping's password is %q", s.Database.Password)
	} else if want.Database.Password, want.Database.Pool, want.Queue.Concurrency, want.Traces.Endpoint = s.Database.Password, 2, 2, collectorURL; s != want {
		t.Errorf("shipping's settings are %+v; want %+v", s, want)
	}
	r := reports.DefaultConfig()
	settings(t, "config/reports.yaml", &r)
	board := reports.DefaultConfig()
	board.Listen, board.Every, board.Database.Password, board.Traces.Endpoint = ":8081", time.Minute, images.ReportsPassword, collectorURL
	board.Replica.Host = "db-replica.shop.internal"
	if r != board {
		t.Errorf("reports' settings are %+v; want %+v", r, board)
	}
	h := host.DefaultConfig()
	settings(t, "config/host.yaml", &h)
	if len(h.Programs) != 2 || h.Programs[0].Environment["SHOP_RELEASE"] != reports.Releases[0].Version {
		t.Errorf("the machine jobs runs %+v; want the first release of reports, and edge-stats", h.Programs)
	}
}

// settings reads a settings file over the defaults in c.
func settings[C service.Config](t *testing.T, name string, c C) {
	t.Helper()
	p := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(p, []byte(files(t)[name]), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := service.Load(p, c); err != nil {
		t.Error(err)
	}
}

// Release notes, image tags and the binary agree on what was released.
func TestReleasesAgree(t *testing.T) {
	tags := map[string]bool{}
	for _, r := range images.Releases() {
		tags[r.Name()] = true
	}
	for _, r := range shop.Releases() {
		if !tags[r.Service+":"+r.Version] {
			t.Errorf("no image of %s %s", r.Service, r.Version)
		}
		notes := files(t)["services/"+r.Service+"/CHANGELOG.md"]
		want := "## " + r.Version + "\n- " + strings.Join(r.Changes, "\n- ") + "\n"
		if !strings.Contains(notes, want) {
			t.Errorf("the notes of %s lack\n%s", r.Service, want)
		}
	}
	for name := range tags {
		of, _, _ := strings.Cut(name, ":")
		isRelease := func(r shop.Release) bool { return r.Service == of }
		if slices.ContainsFunc(shop.Releases(), isRelease) &&
			!slices.ContainsFunc(shop.Releases(), func(r shop.Release) bool { return r.Service+":"+r.Version == name }) {
			t.Errorf("the image %s is of no release", name)
		}
	}
}

// The script on the machine jobs keeps what the edge says, and drops the oldest.
func TestEdgeStats(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"curl":   "#!/bin/sh\nprintf '# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,5,6,7,8,9,10,11,status\\nweb,a,1,2,3,4,5,6,7,8,,,,,,,,UP\\n'\n",
		"sleep":  "#!/bin/sh\nkill $PPID\n",
		"run.sh": files(t)["config/edge-stats.sh"],
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	kept := filepath.Join(dir, "edge-stats.csv")
	if err := os.WriteFile(kept, []byte(strings.Repeat("old\n", 5000)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", filepath.Join(dir, "run.sh"))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir, "PATH="+dir+":"+os.Getenv("PATH"))
	out, _ := cmd.CombinedOutput() // sleep ends it
	text, err := os.ReadFile(kept)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; err != nil || len(lines) != 5000 || !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,web,a,3,6,7,8,UP$`).MatchString(last) {
		t.Errorf("%d lines, the last is %q; %v %s", len(lines), last, err, out)
	}
}
