package faults

// DiskReadonly makes the mount that a path of the target is on read-only.
//
// What a trainee sees: "read-only file system" (EROFS) for everything that would write
// there, while reads go on; the mount's options say ro, as after a kernel that met
// errors on the disk. The usual wrong diagnosis is a lack of permission, or a full disk.
type DiskReadonly struct {
	// Path is a directory on the mount, inside the container. No file there may be open
	// for writing when the fault begins.
	Path string `json:"path"`
}

// Kind is "disk-readonly".
func (DiskReadonly) Kind() string { return "disk-readonly" }

// Validate reports the first parameter that is out of its range.
func (d DiskReadonly) Validate() error { return checkPath(d.Path) }
