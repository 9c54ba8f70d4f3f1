package stress

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"faultlab/faults"
)

// allRows are the kinds whose effect a user looks at.
var allRows = slices.Concat(packetRows, lookupRows, callRows, diskRows, processRows, limitRows, endRows)

func hasRow(kind string) bool {
	return slices.ContainsFunc(allRows, func(r row) bool { return r.kind == kind })
}

// otherKinds are the kinds of the library's table without a row here, with fitting values.
func otherKinds() (out []faults.Fault, err error) {
	for _, k := range faults.Kinds() {
		if hasRow(k.Kind) {
			continue
		}
		var params []string
		for _, p := range k.Params {
			if v := k.Example(p.Name); v != "" {
				params = append(params, p.Name+"="+v)
			}
		}
		f, err := faults.Parse(k.Kind, params)
		if err != nil {
			return nil, fmt.Errorf("no row here, and no fitting values: %s: %w", k.Kind, err)
		}
		out = append(out, f)
	}
	return out, nil
}

// No kind is left out of the random injections: each has a row, or values that fit it. One
// on packets, lookups or calls needs a row, because a user in the target's network feels it.
func TestEveryKindIsDrawn(t *testing.T) {
	others, err := otherKinds()
	must(t, err)
	s := &scene{t: t, peer: "192.0.2.7", bystander: "192.0.2.8"}
	r := rand.New(rand.NewPCG(*seed, 6))
	for _, k := range faults.Kinds() {
		drawn := slices.ContainsFunc(others, func(f faults.Fault) bool { return f.Kind() == k.Kind })
		if drawn && slices.Contains([]string{"network", "dns", "dependency"}, k.Family) {
			t.Errorf("%s has no row that says what a user feels", k.Kind)
		}
		if !drawn && !hasRow(k.Kind) {
			t.Errorf("%s is never drawn", k.Kind)
		}
	}
	for _, row := range allRows {
		for range 100 {
			if c := row.draw(r, s); c.fault.Kind() != row.kind || c.fault.Validate() != nil {
				t.Errorf("the row of %s draws %s: %v", row.kind, told([]claim{c}), c.fault.Validate())
				break
			}
		}
	}
}

// A run that found something can be made again: a seed stands for its draws.
func TestSeedFixesDraws(t *testing.T) {
	draws := func() (out string) {
		s := &scene{t: t, peer: "192.0.2.7", bystander: "192.0.2.8", rows: packetRows, rare: allRows}
		r := rand.New(rand.NewPCG(*seed, 7))
		for range 200 {
			out += told(s.draw(r)) + "\n"
		}
		return out
	}
	if first := draws(); first != draws() {
		t.Error("the same seed draws other faults")
	}
}
