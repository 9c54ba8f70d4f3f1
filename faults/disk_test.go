package faults

import (
	"math"
	"strings"
	"testing"
)

// fullDisk has faults with every parameter set, for the table's test.
var fullDisk = []Fault{DiskFill{"/data", 90, 0}, DiskFill{"/data", 0, 1 << 20}, DiskReadonly{"/data"}, DiskError{"/data"}, DiskSlow{"/data", 1 << 20, 1 << 20, 10, 10}}

func TestDiskRanges(t *testing.T) {
	for _, tt := range []struct {
		f   Fault
		err string
	}{
		{DiskFill{"/data", math.NaN(), 0}, "above 0, up to 100"},
		{DiskFill{"/data", 101, 0}, "above 0, up to 100"},
		{DiskFill{"", 1, 0}, "clean absolute path"},
		{DiskFill{"data", 1, 0}, "clean absolute path"},
		{DiskFill{"/a/../b", 1, 0}, "clean absolute path"},
		{DiskFill{"/", 1, 0}, ""},
		{DiskFill{"/", 0, 0}, "want one of the two"},
		{DiskFill{"/", 1, 1}, "want one of the two"},
		{DiskFill{"/", math.NaN(), 1}, "want one of the two"},
		{DiskFill{"/", 0, -1}, "leave_bytes is -1; want 1 to 1099511627776"},
		{DiskFill{"/", 0, 1<<40 + 1}, "want 1 to 1099511627776"},
		{DiskFill{"/", 0, 1}, ""},
		{DiskReadonly{"data"}, "clean absolute path"},
		{DiskError{"data"}, "clean absolute path"},
		{DiskError{"/data"}, ""},
		{DiskSlow{Path: "/data"}, "no limit is given"},
		{DiskSlow{Path: "data", ReadsPerSecond: 1}, "clean absolute path"},
		{DiskSlow{Path: "/data", WriteBytesPerSecond: 1000}, "want 65536 to 134217728, or 0"},
		{DiskSlow{Path: "/data", ReadBytesPerSecond: 1 << 40}, "want 65536 to 134217728, or 0"},
		{DiskSlow{Path: "/data", ReadsPerSecond: -1}, "want 1 to 10000, or 0"},
		{DiskSlow{Path: "/data", WritesPerSecond: 1}, ""},
		{DiskReadonly{"/data"}, ""},
	} {
		err := tt.f.Validate()
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %v; want %q", tt.f, err, tt.err)
		}
	}
}
