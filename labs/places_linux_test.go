package labs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/control"
)

// pings sends some from a service's container and gives the median round trip, and
// how many were lost.
func pings(t *testing.T, e *engine.Engine, id, from, to string, n int) (time.Duration, int) {
	t.Helper()
	r, err := e.Exec(t.Context(), "shop-"+id+"-"+from+"-1", engine.Command{Args: []string{"ping", "-n", "-c", fmt.Sprint(n), "-i", "0.01", "-W", "1", to}})
	if err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for line := range strings.Lines(r.Stdout) {
		_, text, ok := strings.Cut(line, "time=")
		var ms float64
		if _, err := fmt.Sscanf(text, "%g ms", &ms); ok && err == nil {
			took = append(took, time.Duration(ms*float64(time.Millisecond)))
		}
	}
	if len(took) == 0 {
		return 0, n
	}
	slices.Sort(took)
	return took[len(took)/2], n - len(took)
}

// TestPlaces measures how far the regions of a running shop are apart, and has the fault
// of a place met by whatever runs there and by nothing else: after one of its services
// was made anew, restarted and, at last, placed elsewhere.
func TestPlaces(t *testing.T) {
	e, id := killLab(t)
	if _, err := labs.Start(t.Context(), e, labs.StartOptions{Name: "2b/eu-a", ID: id, Pace: "fast", Seed: 1}, func(control.Progress) {}); err != nil {
		t.Fatal(err)
	}
	// settled waits until a round trip is what it is to be, and measures it: a
	// container that has just started is near for a moment.
	settled := func(from, to string, ms int) {
		t.Helper()
		want, got := time.Duration(ms)*time.Millisecond, time.Duration(0)
		for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
			if got, _ = pings(t, e, id, from, to, 21); got >= want && got <= want+3*time.Millisecond {
				t.Logf("%s to %s: %v", from, to, got)
				return
			}
		}
		t.Errorf("%s to %s: %v; want %v, up to 3 ms more", from, to, got, want)
	}
	for _, tt := range []struct {
		from, to string
		ms       int
	}{
		{"web-ap", "db", 150}, {"db", "web-ap", 150}, {"web-ap", "catalog.shop.internal", 150}, {"web-ap", "web-us-b", 150},
		{"web-eu", "db", 80}, {"catalog-b", "web-eu", 80}, {"web-eu", "web-ap", 220}, {"web-ap", "web-eu", 220},
		{"web-us-a", "db", 0}, {"web-us-a", "web-us-b", 0}, {"edge", "catalog-b", 0},
	} {
		settled(tt.from, tt.to, tt.ms)
	}
	lossy := func(when string) {
		t.Helper()
		settled("web-eu", "db", 80)
		for end := time.Now().Add(10 * time.Second); ; {
			if _, lost := pings(t, e, id, "web-eu", "db", 100); lost > 0 {
				t.Logf("%s: %d of 100 lost", when, lost)
				return
			} else if time.Now().After(end) {
				t.Fatalf("%s nothing is lost; want its place's fault", when)
			}
		}
	}
	run := func(script string) {
		t.Helper()
		r, err := e.Exec(t.Context(), control.Name(id, control.RoleBastion), engine.Command{Args: []string{"bash", "-c", script}, WorkDir: "/workspace"})
		if err != nil || r.Code != 0 {
			t.Fatalf("%s: %v %s", script, err, r.Stderr)
		}
	}
	lossy("at first")
	run("docker compose up -d --force-recreate web-eu web-ap")
	lossy("made anew")
	settled("web-eu", "web-ap", 220)
	run("docker compose restart web-eu")
	lossy("restarted")
	run("docker compose up -d --scale web-eu=2")
	settled("web-ap", "shop-"+id+"-web-eu-2", 220)
	settled("web-eu", "shop-"+id+"-web-eu-2", 0)
	run("sed -i 's/place: eu-a/place: us-a/; s/ZONE: eu-a/ZONE: us-a/' compose.yaml && docker compose up -d")
	settled("web-eu", "db", 0)
	settled("web-ap", "web-eu", 150)
	if _, lost := pings(t, e, id, "web-eu", "db", 200); lost > 0 {
		t.Errorf("placed elsewhere: %d of 200 lost; want none", lost)
	}
	kill(t, e, id, control.RoleAgent)
	settled("web-ap", "db", 150)
}
