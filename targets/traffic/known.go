package traffic

import (
	"hash/maphash"
	"sync"
)

// known remembers of each question the page that was found right last. One that comes
// again, byte for byte, need not be read again: home pages and searches mostly do, and
// reading them would be most of what the users take of the processor. The page of a
// product hardly ever comes twice, and an order never.
type known struct {
	seed maphash.Seed

	mu    sync.Mutex
	pages map[question]uint64 // the page's hash
}

// question is what a page answers.
type question struct{ route, query string }

func newKnown() *known { return &known{seed: maphash.MakeSeed(), pages: map[question]uint64{}} }

// check is [checkBody].
func (k *known) check(r Request, id string, body []byte) error {
	if r.Route != Home && r.Route != Search {
		return checkBody(r, id, body)
	}
	q, page := question{r.Route, r.Query}, maphash.Bytes(k.seed, body)
	k.mu.Lock()
	was, ok := k.pages[q]
	k.mu.Unlock()
	if ok && was == page {
		return nil
	}
	if err := checkBody(r, id, body); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pages[q] = page
	return nil
}
