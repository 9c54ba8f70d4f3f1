package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"faultlab/faults/agent/carrier"
)

// What doctor tells of the kernel is tried, and what is missing names the kinds of
// faults that want it, and the remedy.
func TestAbilities(t *testing.T) {
	needRoot(t)
	began := time.Now()
	list := probeKernel().Others
	t.Logf("looked in %v", time.Since(began).Round(time.Millisecond))
	for name, kinds := range map[string]string{
		"refusals":                 "reject",
		"proxy of what is called":  "dependency-* and http-error",
		"proxy of what it calls":   "dependency-* and http-error with side=calling",
		"control group of freezer": "pause",
		"attributes of mounts":     "disk-readonly",
		"breakpoints with BPF":     "pg-slow-statement",
	} {
		i := slices.IndexFunc(list, func(a carrier.Ability) bool { return a.Name == name })
		if i < 0 {
			t.Errorf("nothing is said about %s", name)
			continue
		}
		a := list[i]
		t.Logf("%+v", a)
		if a.OK && !strings.HasSuffix(a.Detail, ", for "+kinds) {
			t.Errorf("%s: %q; want it to end: for %s", name, a.Detail, kinds)
		}
		if !a.OK && (!strings.HasSuffix(a.Detail, "; "+kinds+" cannot be used") || a.Remedy == "") {
			t.Errorf("%s: %q, remedy %q", name, a.Detail, a.Remedy)
		}
	}
}
