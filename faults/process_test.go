package faults

import (
	"math"
	"strings"
	"testing"
	"time"
)

// fullProcess has faults with every parameter set, for the table's test.
var fullProcess = []Fault{
	Kill{"TERM", "nginx", time.Second}, CrashLoop{time.Second}, Pause{}, CPUThrottle{Percent: 20},
	MemoryLimit{64}, MemoryPressure{8, 64}, FDLimit{64}, PidLimit{64}, ClockSkew{time.Second},
}

func TestProcessRanges(t *testing.T) {
	for _, tt := range []struct {
		f   Fault
		err string
	}{
		{Kill{}, ""},
		{Kill{Signal: "STOP"}, "want one of KILL"},
		{Kill{Process: "/bin/sh"}, "without a slash"},
		{Kill{Grace: time.Hour}, "up to 1m0s"},
		{CrashLoop{}, "above 0, up to 1m0s"},
		{CrashLoop{time.Hour}, "above 0, up to 1m0s"},
		{CPUThrottle{}, "want 1 to 12800"},
		{CPUThrottle{Percent: math.NaN()}, "want 1 to 12800"},
		{CPUThrottle{Percent: 0.5}, "want 1 to 12800"},
		{MemoryLimit{}, "want 4 to"},
		{MemoryPressure{math.NaN(), 1}, "above 0, up to 1024"},
		{MemoryPressure{1, 0}, "want 1 to"},
		{FDLimit{2}, "want 3 to"},
		{PidLimit{}, "want 1 to"},
		{ClockSkew{}, "and not 0"},
		{ClockSkew{-9000 * time.Hour}, "offset is -9000h0m0s; want -8784h0m0s up to 8784h0m0s"},
		{ClockSkew{-time.Hour}, ""},
	} {
		err := tt.f.Validate()
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%+v: %v; want %q", tt.f, err, tt.err)
		}
	}
}
