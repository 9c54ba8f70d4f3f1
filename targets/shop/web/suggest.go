package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// suggestTime is how long a page waits for suggestions. It does without them rather than
// be late.
const suggestTime = 200 * time.Millisecond

// suggester asks the catalog what else a customer may want to search for.
type suggester struct {
	url  string // of the catalog
	http *http.Client
}

func newSuggester(catalog string, conns int) *suggester {
	return &suggester{catalog, &http.Client{Transport: &http.Transport{
		DialContext:           (&net.Dialer{Timeout: suggestTime}).DialContext,
		ResponseHeaderTimeout: suggestTime,
		MaxIdleConnsPerHost:   conns,
		IdleConnTimeout:       10 * time.Second,
	}}}
}

// suggestions gives those for a query, as the catalog has them.
func (s *suggester) suggestions(query string) (json.RawMessage, error) {
	resp, err := s.http.Get(s.url + "/v1/suggest?q=" + url.QueryEscape(query))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("catalog answered %d", resp.StatusCode)
	}
	defer resp.Body.Close()
	var found struct {
		Suggestions json.RawMessage `json:"suggestions"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&found); err != nil {
		return nil, fmt.Errorf("decode suggestions: %w", err)
	}
	return found.Suggestions, nil
}

// with adds suggestions for a query to the body of a search page. Without any, the page
// is as it was.
func (s *suggester) with(query string, body []byte) []byte {
	list, err := s.suggestions(query)
	if err != nil || len(list) == 0 {
		return body
	}
	page := map[string]json.RawMessage{}
	if err := json.Unmarshal(body, &page); err != nil {
		return body
	}
	page["suggestions"] = list
	richer, err := json.Marshal(page)
	if err != nil {
		return body
	}
	return richer
}
