package faults

import "fmt"

// The bounds of DiskSlow: what can be told apart from no limit within a second.
const (
	minDiskBytes = 64 << 10
	maxDiskBytes = 128 << 20
	maxDiskOps   = 10_000
)

// DiskSlow lets the target read and write less on the disk that a path is on: bytes
// per second, operations per second, or both. At least one limit is given.
//
// What a trainee sees: commits, fsync and reads of what is not in memory take long,
// processes wait in state D and the load rises, while the disk of the machine is not
// busy and CPU is idle; of PostgreSQL the wait_event is WALSync or DataFileRead. The
// usual wrong diagnosis is a slow statement, or a disk that is too small.
//
// The limit is that of the container's control group (blkio.throttle in version 1,
// io.max in 2) for the whole disk, other paths on it included. It concerns what the
// processes of the container themselves make the disk do: reads, direct and synchronous
// writes, and fsync. With version 1, buffered writes that the kernel writes back later
// by itself are free of it; with 2 they count. No operation fails: for that a kernel
// would need dm-flakey, or a file system that dies with the agent.
//
// Others on the same file system are not limited, but may wait: a journal, such as
// ext4's, is committed only when new data of the target's is on the disk.
type DiskSlow struct {
	// Path is a directory inside the container, such as a volume. It must be on a disk:
	// memory (tmpfs), the network, and file systems whose work another process does
	// (FUSE) know no such limit.
	Path string `json:"path"`
	// ReadBytesPerSecond and WriteBytesPerSecond are 65536 up to 134217728; 0: no limit.
	ReadBytesPerSecond  int64 `json:"read_bytes_per_second,omitempty"`
	WriteBytesPerSecond int64 `json:"write_bytes_per_second,omitempty"`
	// ReadsPerSecond and WritesPerSecond are operations, 1 up to 10000; 0: no limit. The
	// kernel counts one for each request that it makes of the disk, not for each call.
	ReadsPerSecond  int64 `json:"reads_per_second,omitempty"`
	WritesPerSecond int64 `json:"writes_per_second,omitempty"`
}

// Kind is "disk-slow".
func (DiskSlow) Kind() string { return "disk-slow" }

// Validate reports the first parameter that is out of its range.
func (d DiskSlow) Validate() error {
	none := true
	for _, p := range []struct {
		name           string
		value, lo, top int64
	}{
		{"read_bytes_per_second", d.ReadBytesPerSecond, minDiskBytes, maxDiskBytes},
		{"write_bytes_per_second", d.WriteBytesPerSecond, minDiskBytes, maxDiskBytes},
		{"reads_per_second", d.ReadsPerSecond, 1, maxDiskOps},
		{"writes_per_second", d.WritesPerSecond, 1, maxDiskOps},
	} {
		if p.value != 0 && (p.value < p.lo || p.value > p.top) {
			return fmt.Errorf("%s is %d; want %d to %d, or 0 for no limit", p.name, p.value, p.lo, p.top)
		}
		none = none && p.value == 0
	}
	if none {
		return fmt.Errorf("no limit is given; want read_bytes_per_second, write_bytes_per_second, reads_per_second or writes_per_second")
	}
	return checkPath(d.Path)
}
