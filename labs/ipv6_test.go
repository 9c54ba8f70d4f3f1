package labs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A machine that would lose its way out is left as it is.
func TestIPv4Alone(t *testing.T) {
	const (
		told   = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n"
		set    = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n"
		subnet = "fd000000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000003 00000000 00040001     eth0\n"
	)
	for name, tt := range map[string]struct {
		forwarding, routes, accept string
		alone                      bool
	}{
		"told by a router":            {"0\n", set + told, "1\n", true},
		"told, and keeps it":          {"0\n", told, "2\n", false},
		"told, and forwards already":  {"1\n", told, "1\n", false},
		"set by hand":                 {"0\n", set, "1\n", false},
		"only its own subnet is told": {"0\n", subnet, "1\n", false},
		"cut short":                   {"0\n", told[:40], "1\n", false},
		"no IPv6":                     {"", "", "", false},
	} {
		proc := t.TempDir()
		for file, text := range map[string]string{
			"sys/net/ipv6/conf/all/forwarding": tt.forwarding, "net/ipv6_route": tt.routes, "sys/net/ipv6/conf/eth0/accept_ra": tt.accept,
		} {
			if text == "" {
				continue
			}
			file = filepath.Join(proc, file)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if why, remedy := ipv4Alone(proc); strings.Contains(why, "eth0") != tt.alone || strings.Contains(remedy, "eth0.accept_ra=2") != tt.alone {
			t.Errorf("%s: %q, remedy %q; want some: %v", name, why, remedy, tt.alone)
		}
	}
}
