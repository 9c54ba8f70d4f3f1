package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/docker/docker/api/types/container"
)

// Usage is what a container has used at one moment.
type Usage struct {
	At          time.Time
	MemoryBytes int64         // usage less the page cache, which the kernel drops when room is needed
	LimitBytes  int64         // the memory limit in force (the machine's memory where there is none)
	CPU         time.Duration // processor time since the container started
	Pids        int64
	ThrottledNS int64 // time held back by a CPU quota since the container started
}

// Usage reads a running container's counters once.
func (e *Engine) Usage(ctx context.Context, id string) (Usage, error) {
	r, err := e.cli.ContainerStatsOneShot(ctx, id)
	if err != nil {
		return Usage{}, fmt.Errorf("read the counters of container %s: %w", id, err)
	}
	defer r.Body.Close()
	var s container.StatsResponse
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		return Usage{}, fmt.Errorf("read the counters of container %s: %w", id, err)
	}
	if s.PidsStats.Current == 0 && s.MemoryStats.Usage == 0 {
		return Usage{}, fmt.Errorf("container %s is not running", id)
	}
	return Usage{
		At: s.Read, MemoryBytes: resident(s.MemoryStats), LimitBytes: int64(s.MemoryStats.Limit),
		CPU: time.Duration(s.CPUStats.CPUUsage.TotalUsage), Pids: int64(s.PidsStats.Current),
		ThrottledNS: int64(s.CPUStats.ThrottlingData.ThrottledTime),
	}, nil
}

// resident is usage less file pages; `docker stats` subtracts only the inactive ones, but
// whether a page counts as active says nothing about whether it can be dropped. The keys
// begin with total_ on cgroup v1.
func resident(m container.MemoryStats) int64 {
	cache := m.Stats["inactive_file"] + m.Stats["active_file"]
	if v, ok := m.Stats["total_inactive_file"]; ok {
		cache = v + m.Stats["total_active_file"]
	}
	return int64(m.Usage - min(cache, m.Usage))
}
