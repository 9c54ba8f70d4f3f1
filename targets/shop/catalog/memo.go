package catalog

import (
	"container/list"
	"net/http"
	"slices"
	"strings"
	"sync"

	"faultlab/targets/shop/api"
)

// Memo remembers finished answers, so that a request that comes again costs
// neither a query nor the encoding. The assortment changes once a day with a
// restart, so entries do not expire.
type Memo struct {
	mu      sync.Mutex
	max     int        // 0 = no limit
	order   *list.List // front is the most recently used
	entries map[string]*list.Element
}

// memoEntry is one finished answer. It owns its bytes: what a handler does to
// its answer later does not reach the next caller.
type memoEntry struct {
	key      string
	products []api.Product
	body     []byte
}

// NewMemo gives an empty memo of at most maxEntries answers; 0 means no limit.
func NewMemo(maxEntries int) *Memo {
	return &Memo{max: maxEntries, order: list.New(), entries: map[string]*list.Element{}}
}

// MemoKey says which requests get the same answer: same address, and same
// X- headers, because tenant, app version and experiments arrive in those.
func MemoKey(r *http.Request) string {
	var parts []string
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-") {
			parts = append(parts, name+"="+strings.Join(values, ","))
		}
	}
	slices.Sort(parts)
	return r.URL.RequestURI() + "\n" + strings.Join(parts, "\n")
}

// Get gives the body remembered for a key.
func (m *Memo) Get(key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[key]
	if !ok {
		return nil, false
	}
	m.order.MoveToFront(e)
	return e.Value.(*memoEntry).body, true
}

// Put remembers an answer and its encoded body. Beyond the limit the least
// recently used answer is forgotten.
func (m *Memo) Put(key string, a api.Answer, body []byte) {
	entry := &memoEntry{key: key, products: cloneProducts(a), body: cloneBody(body)}
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok {
		m.order.Remove(e)
	}
	m.entries[key] = m.order.PushFront(entry)
	for m.max > 0 && m.order.Len() > m.max {
		oldest := m.order.Back()
		m.order.Remove(oldest)
		delete(m.entries, oldest.Value.(*memoEntry).key)
	}
}

// cloneProducts copies the products of an answer with all their text.
func cloneProducts(a api.Answer) []api.Product {
	all := make([]api.Product, 0, len(a.Products)+len(a.Related)+1)
	if a.Product != nil {
		all = append(all, *a.Product)
	}
	all = append(append(all, a.Products...), a.Related...)
	for i := range all {
		p := &all[i]
		p.SKU, p.Name = strings.Clone(p.SKU), strings.Clone(p.Name)
		p.Description, p.Details = strings.Clone(p.Description), strings.Clone(p.Details)
		p.Category, p.Tenant = strings.Clone(p.Category), strings.Clone(p.Tenant)
	}
	return all
}

func cloneBody(body []byte) []byte {
	return append(make([]byte, 0, len(body)), body...)
}
