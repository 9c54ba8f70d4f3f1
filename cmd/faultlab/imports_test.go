package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport says which parts of the module each part may import. The longest
// prefix of a package's folder counts; a part may always import itself.
var mayImport = map[string][]string{
	"cmd/faultlab": {"labs", "faults"},
	"cmd/pprof":    {},
	"cmd/shop":     {"targets"},
	"labs":         {"faults", "targets"},
	"faults":       {},
	"targets":      {},
}

// engineTypes are the modules that only faults/engine, and tests, may know.
var engineTypes = []string{
	"github.com/docker/docker", "github.com/docker/go-connections", "github.com/moby/moby", "github.com/testcontainers/testcontainers-go",
}

func TestImports(t *testing.T) {
	root := filepath.Join("..", "..")
	seen := 0
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && file != root:
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		seen++
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := refused(filepath.ToSlash(rel), imported); why != "" {
				t.Errorf("%s imports %s: %s", filepath.ToSlash(rel), imported, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// refused says why a file may not import a package, or "".
func refused(file, imported string) string {
	dir, isTest := path.Dir(file), strings.HasSuffix(file, "_test.go")
	if rest, own := strings.CutPrefix(imported, "faultlab/"); own {
		part, allowed := "", []string(nil)
		for p, a := range mayImport {
			if within(dir, p) && len(p) > len(part) {
				part, allowed = p, a
			}
		}
		if part == "" {
			return "its folder has no place in the order; see mayImport"
		}
		for _, a := range append([]string{part}, allowed...) {
			if within(rest, a) {
				return ""
			}
		}
		return "imports point one way: cmd to labs to faults and targets, which do not know each other"
	}
	for _, m := range engineTypes {
		if within(imported, m) && dir != "faults/engine" && !isTest {
			return "only faults/engine knows the engine's API types"
		}
	}
	if dir == "faults" && strings.Contains(strings.Split(imported, "/")[0], ".") && !isTest {
		return "package faults is pure: it needs the standard library only"
	}
	return ""
}

func within(p, parent string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		file, imported string
		want           bool
	}{
		{"cmd/faultlab/start.go", "faultlab/labs", false},
		{"cmd/faultlab/start.go", "faultlab/faults/engine", false},
		{"cmd/faultlab/start.go", "faultlab/targets/shop", true},
		{"cmd/shop/web.go", "faultlab/labs", true},
		{"labs/control/start.go", "faultlab/targets/workspace", false},
		{"labs/control/start.go", "faultlab/cmd/faultlab", true},
		{"faults/latency.go", "faultlab/targets/db", true},
		{"faults/latency.go", "faultlab/labs", true},
		{"faults/latency.go", "github.com/vishvananda/netlink", true},
		{"faults/agent/netem_linux.go", "github.com/vishvananda/netlink", false},
		{"targets/shop/web.go", "faultlab/faults", true},
		{"targets/shop/web_test.go", "faultlab/labs", true},
		{"labs/start.go", "github.com/docker/docker/client", true},
		{"labs/start.go", "github.com/testcontainers/testcontainers-go", true},
		{"labs/start_test.go", "github.com/docker/docker/client", false},
		{"faults/engine/engine.go", "github.com/docker/docker/client", false},
		{"extra/x.go", "faultlab/labs", true},
	} {
		if got := refused(tt.file, tt.imported) != ""; got != tt.want {
			t.Errorf("refused(%s, %s) = %v; want %v", tt.file, tt.imported, got, tt.want)
		}
	}
}
