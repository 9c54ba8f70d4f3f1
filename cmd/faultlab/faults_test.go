package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"faultlab/faults"
)

// The README's table of faults is what the command prints.
func TestReadmeTable(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := printMarkdown(&want, faults.Kinds()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\n\n"+want.String()+"\n") {
		t.Errorf("the README does not hold the table that `faultlab faults --markdown` prints:\n%s", want.String())
	}
}

// What `faultlab faults KIND` gives as an example is right.
func TestExamplesOfKinds(t *testing.T) {
	for _, k := range faults.Kinds() {
		var params []string
		for _, p := range k.Params {
			if p.Default == "" || k.Example(p.Name) != "" {
				params = append(params, p.Name+"="+k.Example(p.Name))
			}
		}
		if _, err := faults.Parse(k.Kind, params); err != nil {
			t.Error(err)
		}
	}
}
