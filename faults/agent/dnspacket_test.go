package agent

import (
	"slices"
	"strings"
	"testing"

	"faultlab/faults"
)

// Each type of query that a fault can name is one that a probe can ask for.
func TestQueryTypes(t *testing.T) {
	kinds := faults.Kinds()
	k := kinds[slices.IndexFunc(kinds, func(k faults.KindInfo) bool { return k.Kind == "dns-error" })]
	p := k.Params[slices.IndexFunc(k.Params, func(p faults.Param) bool { return p.Name == "type" })]
	names := strings.Split(p.Range, ", ")
	for _, name := range names {
		if got := typeName(queryType(strings.ToLower(name))); got != name {
			t.Errorf("%s is asked for as %s", name, got)
		}
	}
	if len(names) < 9 || typeName(queryType("")) != "A" {
		t.Errorf("types %v, and %s for none", names, typeName(queryType("")))
	}
}
