package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Param documents one parameter of a kind of fault. A name with a dot is a key of
// an object: peer.port is {"peer": {"port": ...}}.
type Param struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Unit    string `json:"unit"`
	Default string `json:"default"`
	Range   string `json:"range"`
	Doc     string `json:"doc"`
}

// KindInfo documents one kind of fault.
type KindInfo struct {
	Kind     string   `json:"kind"`
	Family   string   `json:"family"`
	Params   []Param  `json:"params"`
	Does     string   `json:"does"`     // what happens to the target
	Backends []string `json:"backends"` // in the order they are tried
	Sees     string   `json:"sees"`     // what a trainee sees
	// Missing says why a kind has no back-end, and Instead what to do.
	Missing string `json:"missing,omitempty"`
	Instead string `json:"instead,omitempty"`

	decode  func(params []byte) (Fault, error)
	example map[string]string // a value for each parameter that is needed
}

// Example is a fitting value for a parameter that is needed, or one of several of
// which one is; "" for others.
func (k KindInfo) Example(param string) string { return k.example[param] }

// without is k with why it has no back-end.
func (k KindInfo) without(missing, instead string) KindInfo {
	k.Missing, k.Instead = missing, instead
	return k
}

// kinds is the one table of what can be broken, family by family.
var kinds = slices.Concat(networkKinds, cutKinds, dnsKinds, processKinds, diskKinds, databaseKinds, dependencyKinds)

// Kinds gives the reference facts of every kind of fault, in a fixed order.
func Kinds() []KindInfo { return slices.Clone(kinds) }

// Decode reads a fault from its kind and its parameters as a JSON object and
// validates it. Unknown keys, wrong types and values out of range are errors
// that name what is allowed; an unknown kind wraps [ErrUnknownKind].
func Decode(kind string, params []byte) (Fault, error) {
	k, err := find(kind)
	if err != nil {
		return nil, err
	}
	if err := checkKeys(*k, params); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	f, err := k.decode(params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	if err := f.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	return f, nil
}

// find looks a kind up in the table.
func find(kind string) (*KindInfo, error) {
	i := slices.IndexFunc(kinds, func(k KindInfo) bool { return k.Kind == kind })
	if i < 0 {
		var names []string
		for _, k := range kinds {
			names = append(names, k.Kind)
		}
		return nil, fmt.Errorf("%w: %q; want one of %s", ErrUnknownKind, kind, strings.Join(names, ", "))
	}
	return &kinds[i], nil
}

// checkKeys refuses keys that are not in the table, spelt exactly: encoding/json
// alone would take "Percent" or "PERCENT" for "percent".
func checkKeys(k KindInfo, params []byte) error {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(params, &keys); err != nil || keys == nil {
		return fmt.Errorf("parameters are %.60q; want a JSON object", bytes.TrimSpace(params))
	}
	var names []string
	for _, p := range k.Params {
		name, _, _ := strings.Cut(p.Name, ".")
		names = append(names, name)
	}
	names = slices.Compact(names)
	for key := range keys {
		if !slices.Contains(names, key) {
			return fmt.Errorf("unknown parameter %q; want %s", key, strings.Join(names, ", "))
		}
	}
	return nil
}

func decodeAs[F Fault](params []byte) (Fault, error) {
	var f F
	if err := strict(params, &f); err != nil {
		return nil, err
	}
	return f, nil
}
