package faults

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// values are those that a parameter's range lists, none if it describes them.
func (p Param) values() []string {
	out := strings.Split(p.Range, ", ")
	if p.Type == "secret" || slices.ContainsFunc(out, func(s string) bool { return strings.Contains(s, " ") }) {
		return nil
	}
	return out
}

// Every value that the reference lists is one that a fault takes, and others are refused.
func TestListedValues(t *testing.T) {
	// What some need beside the values of the examples.
	with := map[string]string{"distribution": "jitter", "jitter": "10ms"}
	var seen int
	for _, k := range Kinds() {
		for _, p := range k.Params {
			values := p.values()
			if len(values) == 0 {
				continue
			}
			seen++
			try := func(value string) error {
				given := maps.Clone(k.example)
				if given == nil {
					given = map[string]string{}
				}
				if other := with[p.Name]; other != "" {
					given[other] = with[other]
				}
				given[p.Name] = value
				var params []string
				for name, v := range given {
					params = append(params, name+"="+v)
				}
				_, err := Parse(k.Kind, params)
				return err
			}
			for _, v := range values {
				if err := try(v); err != nil {
					t.Errorf("%s lists %s=%s: %v", k.Kind, p.Name, v, err)
				}
			}
			for _, v := range slices.Concat(queryTypes, []string{"tcp", "udp", "icmp", "other"}) {
				if try(v) == nil && !slices.Contains(values, v) {
					t.Errorf("%s takes %s=%s, which it does not list", k.Kind, p.Name, v)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d parameters list values", seen)
	}
}
