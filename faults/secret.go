package faults

import (
	"encoding/json"
	"slices"
	"strings"
)

// Secret is a password. It is written into JSON, because whoever carries the fault
// needs it, and printed nowhere else; [Redact] takes it out of what is shown.
type Secret string

// hidden stands where a secret was.
const hidden = "(secret)"

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// Secrets names the parameters of a kind, of type secret, that must not be shown.
func Secrets(kind string) []string {
	var out []string
	if k, err := find(kind); err == nil {
		for _, p := range k.Params {
			if p.Type == "secret" {
				out = append(out, p.Name)
			}
		}
	}
	return out
}

// Redact gives a fault's parameters fit to be shown: the values of secrets replaced.
func Redact(kind string, params json.RawMessage) json.RawMessage {
	secrets := Secrets(kind)
	var all map[string]json.RawMessage
	if len(secrets) == 0 || json.Unmarshal(params, &all) != nil {
		return params
	}
	mark, _ := json.Marshal(hidden)
	changed := false
	for object, raw := range all {
		var fields map[string]json.RawMessage
		if slices.Contains(secrets, object) {
			all[object], changed = mark, true
		} else if json.Unmarshal(raw, &fields) == nil {
			for key := range fields {
				if slices.Contains(secrets, strings.Join([]string{object, key}, ".")) {
					fields[key], changed = mark, true
				}
			}
			if b, err := json.Marshal(fields); err == nil && changed {
				all[object] = b
			}
		}
	}
	if !changed {
		return params
	}
	b, err := json.Marshal(all)
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return b
}
