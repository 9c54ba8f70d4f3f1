package faults

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Parse reads a fault from its kind and parameters written as name=value, such as
// delay=50ms, percent=5, peer.port=5432 or peer.addresses=10.0.0.7,10.1.0.0/16,
// and validates it like [Decode]. A parameter may be given once.
func Parse(kind string, params []string) (Fault, error) {
	k, err := find(kind)
	if err != nil {
		return nil, err
	}
	wrong := func(format string, a ...any) error {
		return fmt.Errorf("%s: "+format, append([]any{kind}, a...)...)
	}
	flat, nested := map[string]any{}, map[string]map[string]any{}
	for _, s := range params {
		name, text, ok := strings.Cut(s, "=")
		if !ok {
			return nil, wrong("parameter is %q; want name=value", s)
		}
		i := slices.IndexFunc(k.Params, func(p Param) bool { return p.Name == name })
		if i < 0 {
			return nil, wrong("unknown parameter %q; want %s", name, strings.Join(k.names(), ", "))
		}
		value, err := k.Params[i].value(text)
		if err != nil {
			return nil, wrong("%w", err)
		}
		into, key := flat, name
		if object, field, ok := strings.Cut(name, "."); ok {
			if nested[object] == nil {
				nested[object] = map[string]any{}
				flat[object] = nested[object]
			}
			into, key = nested[object], field
		}
		if _, twice := into[key]; twice {
			return nil, wrong("parameter %q is given twice", name)
		}
		into[key] = value
	}
	b, err := json.Marshal(flat)
	if err != nil {
		return nil, wrong("%w", err)
	}
	return Decode(kind, b)
}

func (k *KindInfo) names() []string {
	var out []string
	for _, p := range k.Params {
		out = append(out, p.Name)
	}
	return out
}

// value is a parameter's text as JSON takes it.
func (p Param) value(text string) (any, error) {
	switch p.Type {
	case "number", "integer", "bool":
		var v any
		err := json.Unmarshal([]byte(text), &v)
		switch v.(type) {
		case float64:
			if err == nil && p.Type != "bool" {
				return json.RawMessage(text), nil
			}
		case bool:
			if err == nil && p.Type == "bool" {
				return v, nil
			}
		}
		return nil, fmt.Errorf("%s is %q; want %s", p.Name, text, p.Range)
	case "list":
		return strings.Split(text, ","), nil
	}
	return text, nil
}
