package workspace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultlab/targets/images"
	"faultlab/targets/shop"
)

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
	web, err := shop.LoadWebConfig(write("config/web.yaml"))
	if err != nil {
		t.Error(err)
	}
	if want := shop.DefaultWebConfig(); web != want {
		t.Errorf("web's settings are %+v; want the defaults, %+v", web, want)
	}
	catalog, err := shop.LoadCatalogConfig(write("config/catalog.yaml"))
	if err != nil {
		t.Error(err)
	}
	want := shop.DefaultCatalogConfig()
	want.Database.Password = images.AppPassword
	if catalog != want {
		t.Errorf("catalog's settings are %+v; want the defaults, %+v", catalog, want)
	}
}

// Release notes, image tags and the binary agree on what was released.
func TestReleasesAgree(t *testing.T) {
	tags := map[string]bool{}
	for _, r := range images.Releases() {
		tags[r.Name()] = true
	}
	for _, r := range shop.Releases {
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
		service, version, _ := strings.Cut(name, ":")
		if service == shop.WebService || service == shop.CatalogService {
			if _, err := shop.FindRelease(service, version); err != nil {
				t.Error(err)
			}
		}
	}
}
