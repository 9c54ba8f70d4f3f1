package cgroup

import (
	"errors"
	"testing"

	"faultlab/faults/agent/carrier"
)

func TestFind(t *testing.T) {
	const (
		v1     = "9:name=systemd:/docker/a\n4:memory:/docker/a\n2:cpu,cpuacct:/docker/a\n0::/docker/a\n"
		v2     = "0::/system.slice/docker-a.scope\n"
		hybrid = "3:freezer:/docker/a\n0::/docker/b\n"
	)
	for _, tt := range []struct {
		name, text, controller string
		want                   Group
		code                   carrier.Code
	}{
		{"v1", v1, "memory", Group{Mount: "memory", Path: "/docker/a"}, ""},
		{"v1, two controllers", v1, "cpu", Group{Mount: "cpu,cpuacct", Path: "/docker/a"}, ""},
		{"v2", v2, "cpu", Group{V2: true, Path: "/system.slice/docker-a.scope"}, ""},
		{"hybrid, in v1", hybrid, "freezer", Group{Mount: "freezer", Path: "/docker/a"}, ""},
		{"hybrid, in v2", hybrid, "memory", Group{V2: true, Path: "/docker/b"}, ""},
		{"the machine's", "0::/\n", "cpu", Group{}, carrier.Refused},
		{"hidden", "0::/../b\n", "cpu", Group{}, carrier.NotSupported},
		{"none", "1:cpu:/x\n", "pids", Group{}, carrier.NotSupported},
		{"empty", "", "pids", Group{}, carrier.NotSupported},
	} {
		got, err := find(tt.text, tt.controller)
		if got != tt.want || tt.code == "" != (err == nil) || tt.code != "" && !errors.Is(err, &carrier.Error{Code: tt.code}) {
			t.Errorf("%s: %+v, %v", tt.name, got, err)
		}
	}
}
