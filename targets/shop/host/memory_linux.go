package host

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/procfs"
)

// group is a control group that bounds memory, of either version.
type group struct {
	dir     string
	v2      bool
	told    uint64    // kills that were told of
	waiting bool      // at the last look there was a kill that nobody had died of yet
	hits    [2]uint64 // times the limit had been reached at the last two looks at which no kill waited
}

// ownGroup finds the control group that bounds this process's memory.
func ownGroup() (*group, error) {
	self, err := procfs.Self()
	if err != nil {
		return nil, err
	}
	in, err := self.Cgroups()
	if err != nil {
		return nil, err
	}
	mounts, err := self.MountInfo()
	if err != nil {
		return nil, err
	}
	dir, v2, err := groupDir(in, mounts)
	if err != nil {
		return nil, err
	}
	return openGroup(dir, v2)
}

// groupDir gives the directory of the group that bounds memory: of version 1 where the
// controller is there, of version 2 otherwise.
func groupDir(in []procfs.Cgroup, mounts []*procfs.MountInfo) (dir string, v2 bool, err error) {
	i := slices.IndexFunc(in, func(c procfs.Cgroup) bool { return slices.Contains(c.Controllers, "memory") })
	if i < 0 {
		v2 = true
		i = slices.IndexFunc(in, func(c procfs.Cgroup) bool { return c.HierarchyID == 0 })
	}
	if i < 0 {
		return "", false, errors.New("the kernel has no control group of memory")
	}
	for _, m := range slices.Backward(mounts) { // the later hide the earlier
		_, memory := m.SuperOptions["memory"]
		if v2 && m.FSType != "cgroup2" || !v2 && (m.FSType != "cgroup" || !memory) {
			continue
		}
		// A container may see a part of the tree only.
		if rel, err := filepath.Rel(m.Root, in[i].Path); err == nil && rel != ".." && !strings.HasPrefix(rel, "../") {
			return filepath.Join(m.MountPoint, rel), v2, nil
		}
	}
	return "", false, fmt.Errorf("the control group %s is not mounted here", in[i].Path)
}

// openGroup gives a group; the kills until now are nobody's business.
func openGroup(dir string, v2 bool) (*group, error) {
	g := &group{dir: dir, v2: v2}
	var err error
	if g.told, err = g.kills(); err != nil {
		return nil, err
	}
	g.hits = [2]uint64{g.hit(), g.hit()}
	return g, nil
}

func (g *group) file(v1, v2 string) string {
	if g.v2 {
		return filepath.Join(g.dir, v2)
	}
	return filepath.Join(g.dir, v1)
}

// kills is how many processes the kernel has killed in the group for want of memory.
func (g *group) kills() (uint64, error) {
	return field(g.file("memory.oom_control", "memory.events.local"), "oom_kill")
}

// hit is how often the group's limit was reached, which need not have killed anybody.
func (g *group) hit() uint64 {
	if g.v2 {
		n, _ := field(filepath.Join(g.dir, "memory.events.local"), "oom")
		return n
	}
	n, _ := number(filepath.Join(g.dir, "memory.failcnt"))
	return n
}

// reached says whether the limit was reached since the last look but one, or shortly
// before the kill that is told of now.
func (g *group) reached() bool { return g.hit() > g.hits[0] }

// takeKill says whether there is a kill nobody was told of, and takes it.
func (g *group) takeKill() bool {
	n, err := g.kills()
	if err != nil || n <= g.told {
		return false
	}
	g.told++
	return true
}

// used and limit are in bytes; no limit is 0.
func (g *group) used() uint64 {
	n, _ := number(g.file("memory.usage_in_bytes", "memory.current"))
	return n
}

func (g *group) limit() uint64 {
	n, err := number(g.file("memory.limit_in_bytes", "memory.max"))
	if err != nil || n >= 1<<62 { // "max", or the largest there is
		return 0
	}
	return n
}

// newBelow makes a group below g that bounds the memory of a program.
func (g *group) newBelow(name string, limit int64) (*group, error) {
	dir := filepath.Join(g.dir, "program-"+name)
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make control group: %w", err)
	}
	child := &group{dir: dir, v2: g.v2}
	err := os.WriteFile(child.file("memory.limit_in_bytes", "memory.max"), []byte(strconv.FormatInt(limit, 10)), 0o644)
	if err == nil {
		child, err = openGroup(dir, g.v2)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("limit control group: %w", err), os.Remove(dir))
	}
	return child, nil
}

// field reads a number by its name, in lines of both.
func field(path, name string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == name {
			return strconv.ParseUint(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

func number(path string) (uint64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}
