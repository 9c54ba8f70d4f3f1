package catalog_test

import (
	"cmp"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"faultlab/labs/catalog"
)

func TestEveryLabAndVariantLoads(t *testing.T) {
	for _, id := range catalog.IDs() {
		l, err := catalog.Load(id, "")
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		for _, v := range l.Variants {
			l, err := catalog.Load(id, v.ID)
			if err != nil {
				t.Errorf("%s/%s: %v", id, v.ID, err)
				continue
			}
			for _, word := range []string{l.Mode, id, l.Title} {
				if strings.Contains(strings.ToLower(l.Brief), strings.ToLower(word)) {
					t.Errorf("%s/%s: the brief tells %q", id, v.ID, word)
				}
			}
		}
	}
}

// Whether there is a Prometheus does not tell labs of one scenario apart.
func TestProfileTellsNothing(t *testing.T) {
	profiles := map[string]string{}
	for _, id := range catalog.IDs() {
		l, err := catalog.Load(id, "")
		if err != nil {
			t.Fatal(err)
		}
		p := cmp.Or(l.Profile, catalog.ProfileFull)
		if was, ok := profiles[l.Scenario]; ok && was != p {
			t.Errorf("%s has the profile %s; another lab of %s has %s", id, p, l.Scenario, was)
		}
		profiles[l.Scenario] = p
	}
}

// The control is started by its name, and nobody is told that it is there.
func TestControl(t *testing.T) {
	for _, name := range []string{"s0", "0c", "0c-healthy", "0c/all"} {
		l, err := catalog.Pick(name, 5)
		if err != nil || !l.Healthy() || len(l.Fixes) != 0 {
			t.Errorf("%s: %+v, %v; want the control", name, l, err)
		}
	}
	_, err := catalog.Pick("s8", 1)
	var u *catalog.Unknown
	if !errors.As(err, &u) || strings.Contains(u.Hint(), "s0") {
		t.Errorf("%v; want a hint without the control", err)
	}
	for _, s := range catalog.Scenarios {
		if s.ID == catalog.Controls {
			t.Error("the control is among the scenarios")
		}
	}
	if l, err := catalog.Load("3a-memory-leak", ""); err != nil || l.Healthy() {
		t.Errorf("3a is healthy; %v", err)
	}
}

func TestVarsKeepTheirFormAndType(t *testing.T) {
	l, err := catalog.Load("2b-packet-loss", "us-b")
	if err != nil {
		t.Fatal(err)
	}
	if p := l.Break[0].Fault.Params["percent"]; p != 6 {
		t.Errorf("percent is %#v; want the number 6", p)
	}
	l, err = catalog.Load("3a-memory-leak", "web-recorder")
	if err != nil {
		t.Fatal(err)
	}
	if e := l.Break[0].Deploy.Edits[0]; !strings.Contains(e.Old, "web-eu:\n    <<: *web\n") {
		t.Errorf("old is %q; want its line breaks", e.Old)
	}
}

func TestPick(t *testing.T) {
	a, err := catalog.Pick("s3", 7)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := catalog.Pick("s3", 7)
	if a.ID != b.ID || a.Variant.ID != b.Variant.ID || a.Scenario != "s3" {
		t.Errorf("same seed: %s/%s and %s/%s", a.ID, a.Variant.ID, b.ID, b.Variant.ID)
	}
	seen := map[string]bool{}
	for seed := range uint64(40) {
		l, err := catalog.Pick("3a", seed)
		if err != nil {
			t.Fatal(err)
		}
		seen[l.Variant.ID] = true
	}
	if len(seen) < 3 {
		t.Errorf("40 seeds chose only %v", seen)
	}
	l, err := catalog.Pick("3a/web-recorder", 1)
	if err != nil || l.Variant.ID != "web-recorder" {
		t.Errorf("named variant: %v, %v", l, err)
	}
	for _, bad := range []string{"9z", "s8", "3a/nope", ""} {
		_, err := catalog.Pick(bad, 1)
		var u *catalog.Unknown
		if !errors.As(err, &u) || u.Hint() == "" {
			t.Errorf("Pick(%q): %v; want *Unknown with a hint", bad, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	good := `
scenario: s3
title: t
mode: m
difficulty: 1
minutes: 5
variants: [{id: a, vars: {x: "1"}}, {id: b}, {id: c}]
users: {success: 99}
break: [{deploy: {author: A <a@b>, message: m}}]
checks: [{id: users, proof: V1, kind: slo, slo: {success: 99}}]
`
	read := func(yaml, wrong string) error {
		fsys := fstest.MapFS{"lab.yaml": {Data: []byte(yaml)}, "brief.md": {Data: []byte("b")}, "debrief.md": {Data: []byte("d")}}
		for _, n := range []string{"right/1", "right/2", "wrong/1", "wrong/2", "wrong/3"} {
			fsys[n+".sh"] = &fstest.MapFile{Data: []byte("# caught by: users\n")}
		}
		fsys["wrong/4.sh"] = &fstest.MapFile{Data: []byte(wrong)}
		_, err := catalog.Read(fsys, "x", "")
		return err
	}
	const deploy = "deploy: {author: A <a@b>, message: m}"
	const caught = "# caught by: users\n"
	if err := read(good, caught); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	tests := map[string]struct{ yaml, wrong, want string }{
		"unknown key":              {good + "colour: red\n", caught, "colour"},
		"unknown kind":             {strings.Replace(good, "kind: slo", "kind: guess", 1), caught, "guess"},
		"unknown var":              {strings.Replace(good, "title: t", "title: ${y}", 1), caught, "${y}"},
		"check without its limit":  {strings.Replace(good, "kind: slo, slo: {success: 99}", "kind: slo", 1), caught, "slo.success"},
		"names without a name":     {strings.Replace(good, "kind: slo, slo: {success: 99}", "kind: names", 1), caught, "needs names"},
		"moved for no time":        {strings.Replace(good, "kind: slo, slo: {success: 99}", "kind: moved, names: [a.b]", 1), caught, "lasting"},
		"no breaking":              {strings.Replace(good, "break: [{"+deploy+"}]", "", 1), caught, "nothing breaks"},
		"wrong fix uncaught":       {good, "echo\n", "does not say which check"},
		"wrong fix, no such check": {good, "# caught by: nobody\n", "nobody"},
		"fault that is none":       {strings.Replace(good, deploy, `fault: {kind: loss, uplink: us-a, params: {percent: "3"}}`, 1), caught, "percent"},
		"fault without a place":    {strings.Replace(good, deploy, "fault: {kind: loss, params: {percent: 3}}", 1), caught, "either an uplink or a link"},
		"fault on both":            {strings.Replace(good, deploy, "fault: {kind: loss, uplink: us-a, link: us-eu, params: {percent: 3}}", 1), caught, "either an uplink or a link"},
		"fault on no link":         {strings.Replace(good, deploy, "fault: {kind: loss, link: eu-us, params: {percent: 3}}", 1), caught, "us-eu, us-ap, eu-ap"},
		"fault of a link's own":    {strings.Replace(good, deploy, "fault: {kind: loss, link: us-eu, params: {percent: 3, peer: {port: 80}}}", 1), caught, "has a peer"},
		"fault that no link has":   {strings.Replace(good, deploy, "fault: {kind: pause, link: us-eu}", 1), caught, "peer"},
		"fixes of nothing":         {strings.NewReplacer("scenario: s3", "scenario: s0", "break: [{"+deploy+"}]", "").Replace(good), caught, "6 fixes of a lab in which nothing breaks"},
		"two variants":             {strings.Replace(good, ", {id: c}", "", 1), caught, "at least 3"},
	}
	for name, tt := range tests {
		if err := read(tt.yaml, tt.wrong); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want an error about %q", name, err, tt.want)
		}
	}
}
