package agent

import (
	"slices"
	"testing"
	"time"
)

// A machine that stalls makes one late: those after it follow at once, or at their distance.
func TestDepartures(t *testing.T) {
	for _, tt := range []struct {
		apart bool
		want  []time.Duration // when each is sent, in ms
	}{
		{false, []time.Duration{0, 2, 30, 30, 30, 30}},
		{true, []time.Duration{0, 2, 30, 32, 34, 36}},
	} {
		start := time.Now()
		d := departures{start: start, interval: 2 * time.Millisecond, apart: tt.apart}
		var got []time.Duration
		now := start
		for i := range tt.want {
			now = now.Add(d.wait(i, now))
			if i == 2 {
				now = now.Add(26 * time.Millisecond)
				now = now.Add(d.wait(i, now))
			}
			got = append(got, now.Sub(start)/time.Millisecond)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("apart %v: sent at %v, want %v", tt.apart, got, tt.want)
		}
	}
}
