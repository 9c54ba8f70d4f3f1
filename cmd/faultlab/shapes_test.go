package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
)

// Scripts rely on these names: fields may be added, never renamed.
func TestShapes(t *testing.T) {
	for _, tt := range []struct {
		args []string
		keys []string // of each element
	}{
		{[]string{"list", "--labs", "--json"}, []string{"id", "scenario", "title", "mode", "difficulty", "minutes", "variants"}},
		{[]string{"list", "--json"}, []string{"id", "symptom", "labs"}},
		{[]string{"faults", "--json"}, []string{"kind", "family", "params", "backends", "sees"}},
	} {
		var list []map[string]any
		decode(t, tt.args, &list)
		if len(list) == 0 {
			t.Errorf("%v is empty", tt.args)
		}
		for _, e := range list {
			for _, k := range tt.keys {
				if v, ok := e[k]; !ok || v == "" {
					t.Errorf("%v: %v has no %q", tt.args, e, k)
				}
			}
		}
	}
	var terms map[string][]struct{ Name, Doc string }
	decode(t, []string{"diagnose", "--terms", "--json"}, &terms)
	for _, f := range []string{"component", "mechanism", "trigger", "scope"} {
		if len(terms[f]) < 5 {
			t.Errorf("%s has %d terms; a guess would do", f, len(terms[f]))
		}
		for _, x := range terms[f] {
			if x.Name == "" || x.Doc == "" {
				t.Errorf("%s: %+v says nothing", f, x)
			}
		}
	}
	if !slices.ContainsFunc(terms["mechanism"], func(x struct{ Name, Doc string }) bool { return x.Name == "memory-leak" }) {
		t.Error("mechanism has no memory-leak")
	}
}

func decode(t *testing.T, args []string, into any) {
	t.Helper()
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	dec := json.NewDecoder(&out)
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	if dec.More() {
		t.Errorf("%v prints more than one JSON value", args)
	}
}
