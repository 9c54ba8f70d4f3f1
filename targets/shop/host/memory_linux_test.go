package host

import (
	"testing"

	"github.com/prometheus/procfs"
)

func TestGroupDir(t *testing.T) {
	v1 := func(root, at string) *procfs.MountInfo {
		return &procfs.MountInfo{Root: root, MountPoint: at, FSType: "cgroup", SuperOptions: map[string]string{"rw": "", "memory": ""}}
	}
	other := &procfs.MountInfo{Root: "/", MountPoint: "/sys/fs/cgroup/cpu", FSType: "cgroup", SuperOptions: map[string]string{"cpu": ""}}
	v2 := func(root, at string) *procfs.MountInfo {
		return &procfs.MountInfo{Root: root, MountPoint: at, FSType: "cgroup2"}
	}
	in1 := func(path string) []procfs.Cgroup {
		return []procfs.Cgroup{{HierarchyID: 2, Controllers: []string{"cpu"}, Path: "/x"}, {HierarchyID: 4, Controllers: []string{"memory"}, Path: path}, {Path: "/"}}
	}
	in2 := func(path string) []procfs.Cgroup { return []procfs.Cgroup{{Path: path}} }
	for name, tt := range map[string]struct {
		in     []procfs.Cgroup
		mounts []*procfs.MountInfo
		dir    string
		v2     bool
	}{
		"a machine":                   {in1("/a/b"), []*procfs.MountInfo{other, v1("/", "/sys/fs/cgroup/memory"), v2("/", "/sys/fs/cgroup/unified")}, "/sys/fs/cgroup/memory/a/b", false},
		"a container sees its part":   {in1("/docker/1"), []*procfs.MountInfo{v1("/docker/1", "/sys/fs/cgroup/memory")}, "/sys/fs/cgroup/memory", false},
		"a container's own namespace": {in2("/"), []*procfs.MountInfo{v2("/", "/sys/fs/cgroup")}, "/sys/fs/cgroup", true},
		"version 2":                   {in2("/system.slice/x"), []*procfs.MountInfo{v2("/", "/sys/fs/cgroup")}, "/sys/fs/cgroup/system.slice/x", true},
		"somebody else's part":        {in1("/docker/1"), []*procfs.MountInfo{v1("/docker/2", "/sys/fs/cgroup/memory")}, "", false},
		"not mounted":                 {in1("/docker/1"), []*procfs.MountInfo{other}, "", false},
		"none":                        {nil, nil, "", false},
	} {
		dir, v2, err := groupDir(tt.in, tt.mounts)
		if dir != tt.dir || (err == nil) != (tt.dir != "") || err == nil && v2 != tt.v2 {
			t.Errorf("%s: %q, %v, %v; want %q, %v", name, dir, v2, err, tt.dir, tt.v2)
		}
	}
}

func TestProgramsComeBeforeTheHost(t *testing.T) {
	for own, want := range map[int]int{never: 0, -500: 0, -499: 1, 0: 500, 700: 1000} {
		if got := programsAdj(own); got != want {
			t.Errorf("the host has %d: programs get %d; want %d", own, got, want)
		}
	}
}

func TestKillPending(t *testing.T) {
	for status, want := range map[string]bool{
		"Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigCgt:\t0000000000000100\n": false,
		"SigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\n":                                      true,
		"SigPnd:\t0000000000000000\nShdPnd:\t0000000000004100\n":                                      true,
		"SigPnd:\t0000000000004000\n":                                                                 false,
		"":                                                                                            false,
	} {
		if got := killPending(status); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
}
