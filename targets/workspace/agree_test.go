package workspace

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"faultlab/targets/images"
	"faultlab/targets/shop"
	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/service"
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
