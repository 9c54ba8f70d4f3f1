package catalog_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"faultlab/labs/catalog"
	"faultlab/targets/workspace"
)

const changing = `
scenario: s4
title: t
mode: m
difficulty: 1
minutes: 5
variants: [{id: a, vars: {change: search-english}}, {id: b, vars: {change: search-in-stock}}, {id: c, vars: {change: products-by-tenant}}]
users: {success: 99}
break: [{deploy: {change: "${change}"}}]
checks: [{id: users, proof: V1, kind: slo, slo: {success: 99}}]
`

func readChanging(text, variant string) (*catalog.Lab, error) {
	fsys := fstest.MapFS{"lab.yaml": {Data: []byte(text)}, "brief.md": {Data: []byte("b")}, "debrief.md": {Data: []byte("d")}}
	for _, n := range []string{"right/1", "right/2", "wrong/1", "wrong/2", "wrong/3", "wrong/4"} {
		fsys[n+".sh"] = &fstest.MapFile{Data: []byte("# caught by: users\n")}
	}
	return catalog.Read(fsys, "x", variant)
}

// A lab that names a change has it whole: who, what and what is run.
func TestALabNamesAChange(t *testing.T) {
	l, err := readChanging(changing, "b")
	if err != nil {
		t.Fatal(err)
	}
	d := l.Break[0].Deploy
	if d.Author != workspace.Jonas.Name+" <"+workspace.Jonas.Email+">" || !strings.Contains(d.Message, "sold out") ||
		len(d.Edits) != 1 || d.Edits[0].Old != "" || !strings.Contains(d.Edits[0].New, "WHERE stock > 0") || !strings.HasPrefix(d.Run, "psql ") {
		t.Errorf("the deploy is %+v; want Jonas's migration of the search index", d)
	}
	for name, text := range map[string]string{
		"no change \"nothing\"": strings.Replace(changing, "${change}", "nothing", 1),
		"says more":             strings.Replace(changing, "{change: \"${change}\"}", "{change: search-english, up: true}", 1),
	} {
		if _, err := readChanging(text, ""); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v; want an error with %s", err, name)
		}
	}
}
