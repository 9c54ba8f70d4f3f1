// Package workspace holds the deploy repository that people find at /workspace:
// its files, its history, and the text that git imports to make it.
package workspace

import (
	"embed"
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
)

// Dir is where the workspace is mounted in the bastion.
const Dir = "/workspace"

//go:embed all:files
var embedded embed.FS

// netMark stands in embedded files for the first three octets of the shop's
// network, which differ from one installation to the next.
const netMark = "{{SHOP_NET}}"

// Files returns the files of the repository's newest commit by path. shopNet is
// the first three octets of the shop's /24 network, such as "10.88.4".
func Files(shopNet string) (map[string]string, error) {
	if err := checkNet("shop network", shopNet); err != nil {
		return nil, err
	}
	files := map[string]string{}
	err := fs.WalkDir(embedded, "files", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := embedded.ReadFile(name)
		files[strings.TrimPrefix(name, "files/")] = strings.ReplaceAll(string(data), netMark, shopNet)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the workspace's files: %w", err)
	}
	return files, nil
}

// Env is what differs between installations: the content of the file .env,
// which git ignores.
type Env struct {
	Project      string // compose project, e.g. "shop-k3f9x2"
	ShopNetwork  string // name of the engine's network
	UsersNetwork string
	ShopNet      string // first three octets of its /24, e.g. "10.88.4"
	UsersNet     string
	UsersNet6    string // first half of its /64, e.g. "fd00:88:4:5"; "": it has IPv4 alone
	Registry     string // e.g. "registry.shop.internal/3fa9"
	Monitoring   bool   // whether Prometheus and Alertmanager run here
}

// Text returns the content of .env.
func (e Env) Text() (string, error) {
	if err := checkNet("shop network", e.ShopNet); err != nil {
		return "", err
	}
	if err := checkNet("users network", e.UsersNet); err != nil {
		return "", err
	}
	if a, err := netip.ParseAddr(e.UsersNet6 + "::"); err != nil || !a.Is6() || a.Is4In6() {
		return "", fmt.Errorf("users network is %q in IPv6; want up to four groups such as fd00:88:4:5, or none", e.UsersNet6)
	}
	for _, f := range []struct{ name, value string }{
		{"project", e.Project}, {"shop network's name", e.ShopNetwork},
		{"users network's name", e.UsersNetwork}, {"registry", e.Registry},
	} {
		if f.value == "" || strings.ContainsAny(f.value, " \t\n\"'$#") {
			return "", fmt.Errorf("%s is %q; want a name without spaces, quotes, $ or #", f.name, f.value)
		}
	}
	profiles := ""
	if e.Monitoring {
		profiles = "monitoring"
	}
	return fmt.Sprintf(`# This site. Made by provisioning, not in git.
COMPOSE_PROJECT_NAME=%s
COMPOSE_PROFILES=%s
SHOP_NETWORK=%s
USERS_NETWORK=%s
SHOP_NET=%s
USERS_NET=%s
USERS_NET6=%s
REGISTRY=%s
`, e.Project, profiles, e.ShopNetwork, e.UsersNetwork, e.ShopNet, e.UsersNet, e.UsersNet6, e.Registry), nil
}

func checkNet(what, octets string) error {
	a, err := netip.ParseAddr(octets + ".0")
	if err != nil || !a.Is4() {
		return fmt.Errorf("%s is %q; want three octets such as 10.88.4", what, octets)
	}
	return nil
}
