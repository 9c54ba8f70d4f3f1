package catalog

import (
	"container/list"
	"sync"
	"time"

	"faultlab/targets/shop/api"
)

// finished is an answer and the body it is sent as.
type finished struct {
	answer api.Answer
	body   []byte
}

// cache keeps finished answers for a short time; the least recently used leave
// first.
type cache struct {
	mu      sync.Mutex
	max     int
	ttl     time.Duration
	now     func() time.Time
	order   *list.List // front is the most recently used
	entries map[string]*list.Element
}

type cacheEntry struct {
	key     string
	value   finished
	expires time.Time
}

func newCache(c CacheConfig) *cache {
	return &cache{max: c.MaxEntries, ttl: c.TTL, now: time.Now, order: list.New(), entries: map[string]*list.Element{}}
}

func (c *cache) get(key string) (finished, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return finished{}, false
	}
	entry := e.Value.(*cacheEntry)
	if !c.now().Before(entry.expires) {
		c.drop(e)
		return finished{}, false
	}
	c.order.MoveToFront(e)
	return entry.value, true
}

func (c *cache) put(key string, value finished) {
	if c.max == 0 || c.ttl == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		c.drop(e)
	}
	c.entries[key] = c.order.PushFront(&cacheEntry{key: key, value: value, expires: c.now().Add(c.ttl)})
	for c.order.Len() > c.max {
		c.drop(c.order.Back())
	}
}

func (c *cache) drop(e *list.Element) {
	c.order.Remove(e)
	delete(c.entries, e.Value.(*cacheEntry).key)
}
