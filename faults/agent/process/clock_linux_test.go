package process

import (
	"errors"
	"strings"
	"testing"
	"time"

	"faultlab/faults"
	"faultlab/faults/agent/carrier"
)

func TestClockSkewIsRefused(t *testing.T) {
	c, err := Machine{}.Carry(carrier.Order{Fault: faults.ClockSkew{Offset: time.Minute}})
	var e *carrier.Error
	if c != nil || !errors.As(err, &e) || e.Code != carrier.NotSupported || !strings.Contains(e.Message, "CLOCK_REALTIME") || !strings.Contains(e.Remedy, "libfaketime") {
		t.Errorf("%v, %v", c, err)
	}
}
