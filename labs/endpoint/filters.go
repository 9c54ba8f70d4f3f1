package endpoint

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// filterOwn adds the lab's labels to a list's, a prune's or the events' filters.
func filterOwn(s *server, r *http.Request, _ []string) error {
	q := r.URL.Query()
	filters := map[string]map[string]bool{}
	if f := q.Get("filters"); f != "" {
		if err := readFilters(f, filters); err != nil {
			return &refusal{http.StatusBadRequest, err.Error()}
		}
	}
	if filters["label"] == nil {
		filters["label"] = map[string]bool{}
	}
	filters["label"][LabelLab+"="+s.Lab] = true
	filters["label"][LabelVisible+"=yes"] = true
	b, err := json.Marshal(filters)
	if err != nil {
		return err
	}
	q.Set("filters", string(b))
	r.URL.RawQuery = q.Encode()
	return nil
}

// readFilters takes both forms in use: {"label":{"a=b":true}} and {"label":["a=b"]}.
func readFilters(text string, into map[string]map[string]bool) error {
	if json.Unmarshal([]byte(text), &into) == nil {
		return nil
	}
	var old map[string][]string
	if err := json.Unmarshal([]byte(text), &old); err != nil {
		return fmt.Errorf("filters cannot be read: %w", err)
	}
	for k, vs := range old {
		into[k] = map[string]bool{}
		for _, v := range vs {
			into[k][v] = true
		}
	}
	return nil
}

func filterImages(s *server, r *http.Request, _ []string) error {
	q := r.URL.Query()
	q.Set("filters", `{"reference":{"registry.shop.internal/*/*":true}}`)
	r.URL.RawQuery = q.Encode()
	return nil
}
