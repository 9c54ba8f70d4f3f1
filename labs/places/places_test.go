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

// Every pair of regions has a distance, and a link with one name.
func TestComplete(t *testing.T) {
	for _, a := range Regions {
		for _, b := range Regions {
			if (RTT(a, b) == 0) != (a == b) || (Link(a, b) == "") != (a == b) || Link(a, b) != Link(b, a) {
				t.Errorf("%s-%s: %v, %q", a, b, RTT(a, b), Link(a, b))
			}
		}
	}
	if len(Links()) != len(Regions)*(len(Regions)-1)/2 || Link("us", "moon") != "" {
		t.Errorf("links %v", Links())
	}
}
