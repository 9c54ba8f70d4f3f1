package stress

import (
	"math/rand/v2"
	"slices"
	"testing"

	"faultlab/faults"
)

// No kind is left out of the random injections: each has a row, or values that fit it. One
// on packets needs a row, because a user in the target's network feels it.
func TestEveryKindIsDrawn(t *testing.T) {
	others, err := otherKinds()
	must(t, err)
	s := &scene{t: t, peer: "192.0.2.7", bystander: "192.0.2.8"}
	r := rand.New(rand.NewPCG(*seed, 6))
	for _, k := range faults.Kinds() {
		drawn := slices.ContainsFunc(others, func(f faults.Fault) bool { return f.Kind() == k.Kind })
		if k.Family == "network" && drawn {
			t.Errorf("%s has no row that says what a user feels", k.Kind)
		}
		if !drawn && !hasRow(k.Kind) {
			t.Errorf("%s is never drawn", k.Kind)
		}
	}
	for _, row := range slices.Concat(packetRows, processRows) {
		for range 100 {
			if c := row.draw(r, s); c.fault.Kind() != row.kind || c.fault.Validate() != nil {
				t.Errorf("the row of %s draws %s: %v", row.kind, told([]claim{c}), c.fault.Validate())
				break
			}
		}
	}
}
