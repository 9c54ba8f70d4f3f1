package endpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxBody bounds what a create call may send: the largest real ones have a few KiB.
const maxBody = 1 << 20

// body reads a JSON object, lets change edit it, and puts it back: what goes on
// to the engine is what was checked, not what was sent.
func body(r *http.Request, change func(map[string]any) error) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return err
	}
	if len(raw) > maxBody {
		return &refusal{http.StatusRequestEntityTooLarge, "the request is larger than 1 MiB"}
	}
	out, err := rewrite(raw, change)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(out))
	r.ContentLength = int64(len(out))
	r.TransferEncoding = nil
	r.Header.Set("Content-Length", fmt.Sprint(len(out)))
	r.Header.Set("Content-Type", "application/json")
	return nil
}

func rewrite(raw []byte, change func(map[string]any) error) ([]byte, error) {
	o := map[string]any{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&o); err != nil && len(bytes.TrimSpace(raw)) > 0 {
		return nil, &refusal{http.StatusBadRequest, "the request's JSON cannot be read: " + err.Error()}
	}
	if o == nil {
		o = map[string]any{} // "null"
	}
	if err := unique(o); err != nil {
		return nil, err
	}
	if err := change(o); err != nil {
		return nil, err
	}
	return json.Marshal(o)
}

// unique refuses an object with keys that differ in letter case only: the engine
// would take one of them, and the check might look at the other.
func unique(o map[string]any) error {
	var seen []string
	for k := range o {
		for _, s := range seen {
			if strings.EqualFold(k, s) {
				return &refusal{http.StatusBadRequest, fmt.Sprintf("the request has both %q and %q", min(k, s), max(k, s))}
			}
		}
		seen = append(seen, k)
	}
	return nil
}

// key finds an object's key as the engine would: letter case does not count.
func key(o map[string]any, name string) string {
	for k := range o {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}

// sub gives an object inside an object, nil where there is none.
func sub(o map[string]any, name string) (map[string]any, error) {
	switch v := o[key(o, name)].(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v, unique(v)
	}
	return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("%s is not an object", name)}
}

// labels gives an object's labels, whose names differ by letter case too.
func labels(o map[string]any) map[string]any {
	m, _ := o[key(o, "Labels")].(map[string]any)
	return m
}

func list(o map[string]any, name string) ([]any, error) {
	switch v := o[key(o, name)].(type) {
	case nil:
		return nil, nil
	case []any:
		return v, nil
	}
	return nil, &refusal{http.StatusBadRequest, fmt.Sprintf("%s is not a list", name)}
}

func text(o map[string]any, name string) (string, error) {
	switch v := o[key(o, name)].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	return "", &refusal{http.StatusBadRequest, fmt.Sprintf("%s is not a text", name)}
}

// empty tells whether a JSON value is the zero of its kind.
func empty(v any) bool {
	switch x := v.(type) {
	case nil:
		return true
	case bool:
		return !x
	case string:
		return x == ""
	case json.Number:
		return x == "0"
	case []any:
		return len(x) == 0
	case map[string]any:
		return len(x) == 0
	}
	return false
}
