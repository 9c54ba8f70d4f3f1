package faults

// DiskError has the reads and writes of a disk of the target fail. faultlab has no
// back-end for it: injecting ends with an error that says what a kernel needs for it; the
// kind is here so that the question has an answer.
//
// What a trainee would see: "input/output error" (EIO) in some logs and none in others,
// since what memory holds is read as ever; a database that stops itself after a failed
// fsync; a file system that turns read-only, and lines of the disk in the kernel's log. The
// usual wrong diagnosis is a full disk, or wrong permissions.
type DiskError struct {
	// Path is a directory on the disk, inside the container.
	Path string `json:"path"`
}

// Kind is "disk-error".
func (DiskError) Kind() string { return "disk-error" }

// Missing says why no back-end carries the fault, and what to do instead.
//
// Sources: admin-guide/device-mapper/dm-flakey.rst and fault-injection/fault-injection.rst
// of the kernel's documentation; should_fail_bio in its block/blk-core.c.
func (DiskError) Missing() (what, remedy string) {
	return "failing reads and writes take a disk of device mapper (with a table of dm-error or dm-flakey) or a kernel built to inject errors (CONFIG_FAIL_MAKE_REQUEST, or CONFIG_BPF_KPROBE_OVERRIDE for should_fail_bio); faultlab drives none of them",
		"put the volume on a device-mapper disk of its own and change that one's table by hand (dmsetup suspend, reload with error or flakey, resume); or take disk-readonly (EROFS), disk-fill (ENOSPC) or disk-slow"
}

// Validate reports the first parameter that is out of its range.
func (d DiskError) Validate() error { return checkPath(d.Path) }
