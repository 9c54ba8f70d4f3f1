package labs

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/labs/catalog"
)

func TestSettle(t *testing.T) {
	good := StartOptions{Name: "3a", Seed: 7, Pace: "fast", ID: "abc", TTL: time.Hour}
	with := func(change func(*StartOptions)) StartOptions {
		o := good
		change(&o)
		return o
	}
	cfg, lab, err := good.settle()
	if err != nil || cfg.ID != "abc" || lab.Variant.ID == "" || cfg.Seed != 7 || cfg.TTL != time.Hour || len(cfg.Token) != 32 {
		t.Fatalf("%+v, %v", cfg, err)
	}
	if again, twin, _ := good.settle(); twin.Variant.ID != lab.Variant.ID || again.Token == cfg.Token {
		t.Errorf("the same seed gave %s and %s; the same token: %v", lab.Variant.ID, twin.Variant.ID, again.Token == cfg.Token)
	}
	open := StartOptions{Name: "s3"}
	if cfg, _, err = open.settle(); err != nil || cfg.Seed == 0 || cfg.Pace != "real" || cfg.TTL != defaultTTL || !validID.MatchString(cfg.ID) {
		t.Errorf("all left open: %+v, %v", cfg, err)
	}
	tests := []struct {
		name string
		o    StartOptions
		want string // in the error; "" is none
	}{
		{"shortest id", with(func(o *StartOptions) { o.ID = "ab" }), ""},
		{"longest id", with(func(o *StartOptions) { o.ID = "a" + strings.Repeat("1", 15) }), ""},
		{"id too short", with(func(o *StartOptions) { o.ID = "a" }), "cannot be used"},
		{"id too long", with(func(o *StartOptions) { o.ID = "a" + strings.Repeat("1", 16) }), "cannot be used"},
		{"id with a digit first", with(func(o *StartOptions) { o.ID = "1a" }), "cannot be used"},
		{"id with a capital", with(func(o *StartOptions) { o.ID = "Abc" }), "cannot be used"},
		{"id with an underscore", with(func(o *StartOptions) { o.ID = "a_b" }), "cannot be used"},
		{"id with a line break", with(func(o *StartOptions) { o.ID = "abc\n" }), "cannot be used"},
		{"shortest time", with(func(o *StartOptions) { o.TTL = time.Minute }), ""},
		{"longest time", with(func(o *StartOptions) { o.TTL = 24 * time.Hour }), ""},
		{"too short a time", with(func(o *StartOptions) { o.TTL = time.Minute - 1 }), "time to live"},
		{"negative time", with(func(o *StartOptions) { o.TTL = -time.Hour }), "time to live"},
		{"too long a time", with(func(o *StartOptions) { o.TTL = 24*time.Hour + 1 }), "time to live"},
		{"unknown pace", with(func(o *StartOptions) { o.Pace = "warp" }), "pace"},
		{"pace in capitals", with(func(o *StartOptions) { o.Pace = "FAST" }), "pace"},
		{"unknown lab", with(func(o *StartOptions) { o.Name = "9z" }), "9z"},
		{"unknown variant", with(func(o *StartOptions) { o.Name = "3a/none" }), "none"},
		{"no name", with(func(o *StartOptions) { o.Name = "" }), "no lab or scenario"},
		{"a path", with(func(o *StartOptions) { o.Name = "../catalog" }), "no lab or scenario"},
		{"scenario", with(func(o *StartOptions) { o.Name = "s2" }), ""},
		{"lab and variant", with(func(o *StartOptions) { o.Name = "3a-memory-leak/web-recorder" }), ""},
	}
	for _, tt := range tests {
		_, _, err := tt.o.settle()
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		var h interface{ Hint() string }
		if err == nil || !strings.Contains(err.Error(), tt.want) || !errors.As(err, &h) || h.Hint() == "" {
			t.Errorf("%s: %v; want an error about %q with a hint", tt.name, err, tt.want)
		}
	}
}

func TestRandomIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 40 {
		cfg, _, err := StartOptions{Name: "s3"}.settle()
		if err != nil {
			t.Fatal(err)
		}
		if !validID.MatchString(cfg.ID) || cfg.Seed == 0 || cfg.Seed >= 1<<53 {
			t.Fatalf("id %q, seed %d", cfg.ID, cfg.Seed)
		}
		seen[cfg.ID] = true
	}
	if len(seen) < 35 {
		t.Errorf("40 ids, %d different", len(seen))
	}
}

func TestToStop(t *testing.T) {
	tests := []struct {
		ids, named []string
		every      bool
		want       string // ids
		err        string
	}{
		{nil, nil, false, "", "no lab is running"},
		{nil, nil, true, "", ""},
		{nil, []string{"a1"}, false, "", `no lab "a1"`},
		{[]string{"a1"}, nil, false, "a1", ""},
		{[]string{"a1"}, []string{"a1"}, false, "a1", ""},
		{[]string{"a1"}, []string{"b2"}, false, "", `no lab "b2"`},
		{[]string{"a1"}, []string{"b2", "c3"}, false, "", `no lab "b2"`},
		{[]string{"a1"}, []string{""}, false, "", `no lab ""`},
		{[]string{"a1", "b2"}, nil, false, "", "2 labs are running"},
		{[]string{"a1", "b2"}, []string{"b2"}, false, "b2", ""},
		{[]string{"a1", "b2"}, nil, true, "a1 b2", ""},
		{[]string{"a1", "b2"}, []string{"a1"}, true, "", "together"},
	}
	for _, tt := range tests {
		got, err := toStop(tt.ids, tt.named, tt.every)
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}

func TestCatalogListsEveryLab(t *testing.T) {
	all, err := Catalog()
	if err != nil || len(all) != len(catalog.IDs()) {
		t.Fatalf("%v, %v", all, err)
	}
	scenarios, err := Scenarios()
	if err != nil || len(scenarios) != 7 {
		t.Fatalf("%v, %v", scenarios, err)
	}
	n := 0
	for _, s := range scenarios {
		n += s.Labs
	}
	if n != len(all) && !slices.ContainsFunc(all, func(l LabInfo) bool { return l.Scenario == "s0" }) {
		t.Errorf("%d labs in the scenarios; %d in all", n, len(all))
	}
}
