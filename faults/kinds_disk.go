package faults

// diskKinds are the faults on files and block devices.
var diskKinds = []KindInfo{
	{
		Kind: "disk-slow", Family: "disk", Does: "the container may read and write less on a disk", Backends: cgroupBackends,
		Params: []Param{
			{"path", "string", "", "", "an absolute path inside the container", "a directory on the disk, such as a volume; not in memory, and not on FUSE"},
			{"read_bytes_per_second", "integer", "bytes per second", "0 (no limit)", "65536 to 134217728", "how quickly it reads what is not in memory"},
			{"write_bytes_per_second", "integer", "bytes per second", "0 (no limit)", "65536 to 134217728", "how quickly it writes, directly or with fsync"},
			{"reads_per_second", "integer", "operations per second", "0 (no limit)", "1 to 10000", "requests to read that the disk gets"},
			{"writes_per_second", "integer", "operations per second", "0 (no limit)", "1 to 10000", "requests to write that the disk gets"},
		},
		Sees:   "commits, fsync and reads that miss memory are slow, processes wait in state D, and the machine's disk is not busy",
		decode: decodeAs[DiskSlow], example: map[string]string{"path": "/data", "write_bytes_per_second": "1048576"},
	},
	{
		Kind: "disk-fill", Family: "disk", Does: "a file system gets full", Backends: []string{"file"},
		Params: []Param{
			{"path", "string", "", "", "an absolute path inside the container", "a directory of the file system; it must not be shared with the machine"},
			{"percent", "number", "percent", "or leave_bytes", "above 0, up to 100", "how full it gets, as df counts"},
			{"leave_bytes", "integer", "bytes", "or percent", "1 to 1099511627776", "how much of it stays free for everybody, less at most a block"},
		},
		Sees:   "no space left on device (ENOSPC) for all that writes there; df shows it full and du finds no large file",
		decode: decodeAs[DiskFill], example: map[string]string{"path": "/data", "percent": "100"},
	},
	{
		Kind: "disk-readonly", Family: "disk", Does: "a mount can be read and not written", Backends: []string{"mount"},
		Params: []Param{
			{"path", "string", "", "", "an absolute path inside the container", "a directory on the mount, where no file may be open for writing"},
		},
		Sees:   "read-only file system (EROFS) for all that would write there; reads go on, and the mount's options say ro",
		decode: decodeAs[DiskReadonly], example: map[string]string{"path": "/data"},
	},
	KindInfo{
		Kind: "disk-error", Family: "disk", Does: "reads and writes fail; nothing here does this, and injecting says what it would take",
		Params: []Param{
			{"path", "string", "", "", "an absolute path inside the container", "a directory on the disk, such as a volume"},
		},
		Sees:   "input/output error (EIO) for what is not in memory, a database that stops itself after a failed fsync, a file system that turns read-only",
		decode: decodeAs[DiskError], example: map[string]string{"path": "/data"},
	}.without(DiskError{}.Missing()),
}
