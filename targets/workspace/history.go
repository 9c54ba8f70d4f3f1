package workspace

import (
	"fmt"
	"maps"
	"strings"
	"time"
)

// Person is someone who commits.
type Person struct {
	Name   string
	Email  string
	Offset string // of their time zone, as git writes it: "+0100"
}

// People who have worked on the shop, by first name.
var (
	Maya  = Person{"Maya Lindqvist", "maya.lindqvist@shop.example", "+0100"}
	Tomas = Person{"Tomás Ferreira", "tomas.ferreira@shop.example", "+0000"}
	Priya = Person{"Priya Raman", "priya.raman@shop.example", "+0530"}
	Jonas = Person{"Jonas Weber", "jonas.weber@shop.example", "+0100"}
	Aiko  = Person{"Aiko Sato", "aiko.sato@shop.example", "+0900"}
)

// People returns everyone who has worked on the shop.
func People() []Person { return []Person{Maya, Tomas, Priya, Jonas, Aiko} }

// Edit replaces one text in a file by another. Old has to occur exactly once;
// an empty Old makes a new file that holds New.
type Edit struct {
	File string
	Old  string
	New  string
}

// Commit is a change to the workspace as somebody made it.
type Commit struct {
	Author  Person
	Message string
	Edits   []Edit
}

// Apply returns the files after the edits and the paths that they changed, in
// the order of the first edit of each. The given map is left as it is.
func Apply(files map[string]string, edits []Edit) (after map[string]string, changed []string, err error) {
	after = maps.Clone(files)
	seen := map[string]bool{}
	for _, e := range edits {
		text, exists := after[e.File]
		switch {
		case e.Old == "" && exists:
			return nil, nil, fmt.Errorf("edit of %s has no old text; want one, since the file exists", e.File)
		case e.Old == "":
			after[e.File] = e.New
		case !exists:
			return nil, nil, fmt.Errorf("edit of %s: no such file", e.File)
		default:
			if n := strings.Count(text, e.Old); n != 1 {
				return nil, nil, fmt.Errorf("edit of %s: %q occurs %d times; want exactly once", e.File, e.Old, n)
			}
			after[e.File] = strings.Replace(text, e.Old, e.New, 1)
		}
		if !seen[e.File] {
			seen[e.File] = true
			changed = append(changed, e.File)
		}
	}
	return after, changed, nil
}

// Past is a commit of the workspace's history.
type Past struct {
	Commit
	Age  time.Duration // before now
	Adds []string      // files that the commit brought, as they were then
}

// undo returns the files before the commit.
func (p Past) undo(files map[string]string) (map[string]string, error) {
	before := maps.Clone(files)
	for i := len(p.Edits) - 1; i >= 0; i-- {
		e := p.Edits[i]
		if e.Old == "" || e.New == "" {
			return nil, fmt.Errorf("%q: edit of %s has an empty side; want text on both", p.Message, e.File)
		}
		if n := strings.Count(before[e.File], e.New); n != 1 {
			return nil, fmt.Errorf("%q: %s holds %q %d times; want exactly once", p.Message, e.File, e.New, n)
		}
		before[e.File] = strings.Replace(before[e.File], e.New, e.Old, 1)
		if n := strings.Count(before[e.File], e.Old); n != 1 {
			return nil, fmt.Errorf("%q: %s held %q %d times; want exactly once", p.Message, e.File, e.Old, n)
		}
	}
	for _, f := range p.Adds {
		if _, ok := before[f]; !ok {
			return nil, fmt.Errorf("%q adds %s: no such file", p.Message, f)
		}
		delete(before, f)
	}
	return before, nil
}
