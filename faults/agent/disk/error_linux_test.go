package disk

import (
	"errors"
	"strings"
	"testing"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

func TestDiskErrorIsRefused(t *testing.T) {
	c, err := Machine{}.Carry(carrier.Order{Fault: faults.DiskError{Path: "/data"}})
	var e *carrier.Error
	if c != nil || !errors.As(err, &e) || e.Code != carrier.NotSupported {
		t.Fatalf("%v, %v", c, err)
	}
	for _, s := range []string{"dm-error", "dm-flakey", "CONFIG_FAIL_MAKE_REQUEST"} {
		if !strings.Contains(e.Message, s) {
			t.Errorf("%q does not name %s", e.Message, s)
		}
	}
	if !strings.Contains(e.Remedy, "dmsetup") {
		t.Errorf("the remedy is %q", e.Remedy)
	}
}
