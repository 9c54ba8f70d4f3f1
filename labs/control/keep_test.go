package control

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"faultlab/targets/workspace"
)

func TestKeeper(t *testing.T) {
	dir := t.TempDir()
	k, err := openKeeper(dir)
	if err != nil || k.get().Phase != "" {
		t.Fatalf("a new one: %+v, %v", k, err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := k.set(func(s *State) { s.Phase = "running"; s.Told = append(s.Told, fmt.Sprint(i)) }); err != nil {
				t.Error(err)
			}
			k.get()
		})
	}
	wg.Wait()
	again, err := openKeeper(dir)
	if err != nil || len(again.get().Told) != 20 || !reflect.DeepEqual(again.get(), k.get()) {
		t.Errorf("read again: %+v, %v", again.get(), err)
	}
	// A kill while writing leaves the new file torn and the old one whole.
	os.WriteFile(filepath.Join(dir, "state.json.new"), []byte(`{"phase":"bro`), 0o600)
	if again, err = openKeeper(dir); err != nil || again.get().Phase != "running" {
		t.Errorf("beside a torn file: %+v, %v", again, err)
	}
	for _, torn := range []string{"", `{"phase":`, "\x00\x00"} {
		os.WriteFile(filepath.Join(dir, "state.json"), []byte(torn), 0o600)
		if _, err := openKeeper(dir); err == nil {
			t.Errorf("a state of %q is taken for a lab that nobody started", torn)
		}
	}
	if st, err := os.Stat(filepath.Join(dir, "state.json")); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
}

func TestTimeline(t *testing.T) {
	dir := t.TempDir()
	line, err := openTimeline(dir)
	if err != nil {
		t.Fatal(err)
	}
	line.add(Event{Actor: "system", Kind: "phase", Text: "one"})
	line.add(Event{Actor: "injector", Kind: "fault", Text: "two", Secret: true})
	path := filepath.Join(dir, "timeline.jsonl")
	whole, _ := os.ReadFile(path)
	texts := func(es []Event) string {
		var out []string
		for _, e := range es {
			out = append(out, e.Text)
		}
		return strings.Join(out, " ")
	}
	for cut := range len(whole) + 1 {
		os.WriteFile(path, whole[:cut], 0o600)
		l, err := openTimeline(dir)
		if err != nil {
			t.Fatal(err)
		}
		kept := texts(l.list(true))
		l.add(Event{Actor: "system", Kind: "phase", Text: "three"})
		l.file.Close()
		if l, err = openTimeline(dir); err != nil {
			t.Fatal(err)
		}
		l.file.Close()
		if got := texts(l.list(true)); got != strings.TrimSpace(kept+" three") || !strings.HasPrefix("one two", kept) {
			t.Fatalf("cut after %d bytes: %q, then %q", cut, kept, got)
		}
		if got := texts(l.list(false)); strings.Contains(got, "two") {
			t.Fatalf("a secret in %q", got)
		}
	}
	if es := (&timeline{}).list(false); es == nil || len(es) != 0 {
		t.Errorf("an empty one: %#v; want an empty list, not null", es)
	}
}

func TestCandidates(t *testing.T) {
	pre := netip.MustParsePrefix
	all := candidates("lab1", nil)
	seen := map[netip.Prefix]bool{}
	for _, p := range all {
		if seen[p] || p.Bits() != 24 || !pool.Overlaps(p) || p != p.Masked() {
			t.Errorf("%s", p)
		}
		seen[p] = true
	}
	if len(all) != 256 || reflect.DeepEqual(all, candidates("lab2", nil)) || !reflect.DeepEqual(all, candidates("lab1", nil)) {
		t.Errorf("%d candidates from %s on", len(all), all[0])
	}
	for _, tt := range []struct {
		used []netip.Prefix
		left int
	}{
		{[]netip.Prefix{pre("10.213.7.0/24")}, 255},
		{[]netip.Prefix{pre("10.213.7.128/25"), pre("10.213.7.1/32")}, 255},
		{[]netip.Prefix{pre("10.213.0.0/17")}, 128},
		{[]netip.Prefix{pre("10.0.0.0/8")}, 0},
		{[]netip.Prefix{pre("0.0.0.0/0")}, 0},
		{[]netip.Prefix{pre("192.168.0.0/16"), pre("10.212.0.0/16"), pre("fd00::/8")}, 256},
		{[]netip.Prefix{{}}, 256},
	} {
		got := candidates("lab1", tt.used)
		if len(got) != tt.left {
			t.Errorf("%v used: %d left; want %d", tt.used, len(got), tt.left)
		}
		for _, p := range got {
			for _, u := range tt.used {
				if u.Overlaps(p) {
					t.Errorf("%s overlaps %s", p, u)
				}
			}
		}
	}
	p := pre("10.213.4.0/24")
	if host(p, 53).String() != "10.213.4.53" || prefix3(p) != "10.213.4" {
		t.Errorf("%s, %s", host(p, 53), prefix3(p))
	}
	for net, want := range map[string]string{"10.213.4.0/24": "fd25:bf62:799e:4::10", "10.213.0.0/24": "fd25:bf62:799e::10", "10.213.255.0/24": "fd25:bf62:799e:ff::10"} {
		if p6 := beside(pre(net)); p6.Bits() != 64 || host6(p6, 10).String() != want || prefix6(p6)+"::10" != want || !pool6.Overlaps(p6) {
			t.Errorf("beside %s is %s, with %s; want %s", net, p6, host6(p6, 10), want)
		}
	}
	if host6(netip.Prefix{}, 10).IsValid() || prefix6(netip.Prefix{}) != "" {
		t.Error("there are addresses where there is no subnet")
	}
}

func TestClocks(t *testing.T) {
	var s State
	if c := s.clocks(); c.Detect != nil || c.Mitigate != nil || c.Fix != nil {
		t.Errorf("before anything: %+v", c)
	}
	s.BrokenAt = time.Unix(100, 0)
	s.FirstLook, s.FixedAt = time.Unix(103, 26e7), time.Unix(160, 0)
	if c := s.clocks(); *c.Detect != 3.3 || c.Mitigate != nil || *c.Fix != 60 {
		t.Errorf("%+v", c)
	}
}

// Progress counts the containers that compose.yaml brings up.
func TestServicesAreThoseOfTheWorkspace(t *testing.T) {
	files, err := workspace.Files("10.88.4")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Services map[string]struct{ Profiles []string }
	}
	if err := yaml.Unmarshal([]byte(files["compose.yaml"]), &c); err != nil {
		t.Fatal(err)
	}
	monitors := 0
	for _, s := range c.Services {
		if slices.Contains(s.Profiles, "monitoring") {
			monitors++
		}
	}
	if n := len(c.Services) - monitors; n != services || monitors != monitoring {
		t.Errorf("compose.yaml has %d services and %d of monitoring; want %d and %d", n, monitors, services, monitoring)
	}
	if line := fmt.Sprintf("10.88.4.%d ", pagerHost); !strings.Contains(files["dns/shop.internal.hosts"], line) {
		t.Error("the pager has no name")
	}
	for _, p := range partners {
		if line := fmt.Sprintf("10.88.4.%d ", p.host); !strings.Contains(files["dns/shop.internal.hosts"], line) {
			t.Errorf("%s has no name", p.part)
		}
	}
}
