package catalog

import (
	"strings"
	"sync"

	"faultlab/targets/shop/api"
)

// Suggest completes what a customer types from what was shown to customers
// before, the most recent first, so that suggestions follow the season.
type Suggest struct {
	mu    sync.Mutex
	max   int     // answers learned from; 0 = no limit
	shown []shown // oldest first; a ring once max is reached
	next  int     // in the ring: the oldest, which is replaced next
}

// shown is what one answer taught.
type shown struct {
	query string
	cards []card
}

// card is one line of a suggestion list, for one word that leads to a product.
type card struct {
	word string // in lower case
	id   int64
	text string // the name of the product
	in   string // its category
}

// shortestWord is the length from which a word is worth completing.
const shortestWord = 3

// Suggestion is one line offered to the customer.
type Suggestion struct {
	ID   int64  `json:"id"`
	Text string `json:"text"`
	In   string `json:"in"` // category
}

// NewSuggest gives an empty index that learns from the latest maxEntries
// answers; 0 means from all.
func NewSuggest(maxEntries int) *Suggest {
	return &Suggest{max: maxEntries}
}

// Learn takes in the products of an answer.
func (s *Suggest) Learn(a api.Answer) {
	learned := shown{query: a.Query}
	add := func(p api.Product) {
		for _, word := range api.Words(p.Name + " " + p.Category + " " + p.Tenant + " " + p.Description) {
			if len(word) >= shortestWord {
				learned.cards = append(learned.cards, card{
					word: strings.Clone(word), id: p.ID, text: strings.Clone(p.Name), in: strings.Clone(p.Category),
				})
			}
		}
	}
	if a.Product != nil {
		add(*a.Product)
	}
	for _, p := range a.Products {
		add(p)
	}
	for _, p := range a.Related {
		add(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.max > 0 && len(s.shown) >= s.max {
		s.shown[s.next] = learned
		s.next = (s.next + 1) % s.max
		return
	}
	s.shown = append(s.shown, learned)
}

// Complete offers up to limit products with a word that begins with prefix.
func (s *Suggest) Complete(prefix string, limit int) []Suggestion {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	found := []Suggestion{}
	if prefix == "" {
		return found
	}
	known := map[int64]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.shown {
		// From the newest entry backwards; next is the oldest one.
		entry := s.shown[(s.next-1-i+2*len(s.shown))%len(s.shown)]
		for _, c := range entry.cards {
			if len(found) == limit {
				return found
			}
			if strings.HasPrefix(c.word, prefix) && !known[c.id] {
				known[c.id] = true
				found = append(found, Suggestion{ID: c.id, Text: c.text, In: c.in})
			}
		}
	}
	return found
}
