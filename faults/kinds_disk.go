package faults

// diskKinds are the faults on files and block devices.
var diskKinds = []KindInfo{
	{
		Kind: "disk-fill", Family: "disk", Does: "a file system gets full", Backends: []string{"file"},
		Params: []Param{
			{"path", "string", "", "", "an absolute path inside the container", "a directory of the file system; it must not be shared with the machine"},
			{"percent", "number", "percent", "", "above 0, up to 100", "how full it gets, as df counts"},
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
}
