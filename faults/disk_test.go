package faults

import (
	"math"
	"strings"
	"testing"
)

// fullDisk has faults with every parameter set, for the table's test.
var fullDisk = []Fault{DiskFill{"/data", 90}, DiskReadonly{"/data"}}

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
		{DiskReadonly{"/data"}, ""},
	} {
		err := tt.f.Validate()
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %v; want %q", tt.f, err, tt.err)
		}
	}
}
