package places

import (
	"testing"
	"time"
)

func TestRegion(t *testing.T) {
	for place, want := range map[string]string{"us-a": "us", "us-b": "us", "eu-a": "eu", "ap-a": "ap", "moon": "", "moon-a": "", "us": "", "us-": "", "": ""} {
		if got := Region(place); got != want {
			t.Errorf("Region(%q) is %q; want %q", place, got, want)
		}
	}
}

func TestRTT(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want time.Duration
	}{{"us", "eu", 80}, {"ap", "us", 150}, {"eu", "ap", 220}, {"eu", "eu", 0}, {"us", "moon", 0}} {
		if got, back := RTT(tt.a, tt.b), RTT(tt.b, tt.a); got != tt.want*time.Millisecond || back != got {
			t.Errorf("%s-%s: %v, back %v; want %d ms", tt.a, tt.b, got, back, tt.want)
		}
	}
}

// Every pair of regions has a distance, and every region an entry of its own.
func TestComplete(t *testing.T) {
	seen := map[byte]bool{0: true}
	for _, a := range Regions {
		if seen[Entry(a)] {
			t.Errorf("the entry of %s, %d, is none or another's", a, Entry(a))
		}
		seen[Entry(a)] = true
		for _, b := range Regions {
			if (RTT(a, b) == 0) != (a == b) {
				t.Errorf("%s-%s: %v", a, b, RTT(a, b))
			}
		}
	}
	if Entry("moon") != 0 {
		t.Error("an entry of a region that does not exist")
	}
}
