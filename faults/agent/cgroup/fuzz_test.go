package cgroup

import (
	"strings"
	"testing"
)

func FuzzFind(f *testing.F) {
	f.Add("4:cpu,cpuacct:/docker/abc\n0::/\n", "cpu")
	f.Add("0::/../x\n", "pids")
	f.Fuzz(func(t *testing.T, text, controller string) {
		g, err := find(text, controller)
		if err == nil && (g.Path == "" || g.Path == "/" || strings.HasPrefix(g.Path, "/..") || !strings.Contains(text, g.Path)) {
			t.Fatalf("%+v of %q", g, text)
		}
	})
}
