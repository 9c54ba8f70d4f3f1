package faults

import (
	"math"
	"strings"
	"testing"
)

// fullDisk has faults with every parameter set, for the table's test.
var fullDisk = []Fault{DiskFill{"/data", 90}, DiskReadonly{"/data"}, DiskSlow{"/data", 1 << 20, 1 << 20, 10, 10}}

func TestDiskRanges(t *testing.T) {
	for _, tt := range []struct {
		f   Fault
		err string
	}{
		{DiskFill{"/data", math.NaN()}, "above 0, up to 100"},
		{DiskFill{"/data", 101}, "above 0, up to 100"},
		{DiskFill{"", 1}, "clean absolute path"},
		{DiskFill{"data", 1}, "clean absolute path"},
		{DiskFill{"/a/../b", 1}, "clean absolute path"},
		{DiskFill{"/", 1}, ""},
		{DiskReadonly{"data"}, "clean absolute path"},
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
