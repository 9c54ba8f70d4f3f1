package host

import (
	"slices"
	"testing"
	"time"
)

// The line is the kernel's own, as dmesg has it.
func TestKilledIsTheKernelsLine(t *testing.T) {
	l := look{at: time.Now(), pid: 4123, name: "shop", uid: 65534, total: 1263148 << 10, anon: 62344 << 10, file: 128 << 10, pageTables: 316 << 10, adjustedSeen: true}
	const kernel = "Memory cgroup out of memory: Killed process 4123 (shop) total-vm:1263148kB, anon-rss:62344kB, file-rss:128kB, shmem-rss:0kB, UID:65534 pgtables:316kB oom_score_adj:0"
	if got := l.killed("Memory cgroup out of memory"); got != kernel {
		t.Errorf("got  %s\nwant %s", got, kernel)
	}
	// What was not seen is not said.
	if got := (look{pid: 7}).killed(""); got != "Killed process 7" {
		t.Errorf("got %s", got)
	}
}

func TestBelow(t *testing.T) {
	all := map[int]look{}
	for pid, parent := range map[int]int{1: 0, 10: 1, 11: 10, 12: 11, 20: 1, 30: 99, 40: 41, 41: 40} {
		all[pid] = look{pid: pid, parent: parent}
	}
	for root, want := range map[int][]int{1: {10, 11, 12, 20}, 10: {11, 12}, 12: nil, 99: {30}} {
		var got []int
		for _, l := range below(all, root) {
			got = append(got, l.pid)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("below %d: %v; want %v", root, got, want)
		}
	}
}
