package web

import (
	"net/http"
	"sync"

	"faultlab/targets/shop/service"
)

// Recorder keeps pages as they were answered, so that customer care can
// replay what a customer saw by the request id on the customer's screen.
type Recorder struct {
	mu    sync.Mutex
	max   int             // pages kept; 0 = no limit
	pages map[string]page // by request id
	ring  []string        // request ids in the order of recording, when max > 0
	next  int
}

// page is one recorded page with the upstream answer it was made from.
type page struct {
	uri      string
	status   int
	header   http.Header
	upstream []byte
	body     []byte
}

// NewRecorder gives a recorder of the latest maxEntries pages; 0 means all.
func NewRecorder(maxEntries int) *Recorder {
	return &Recorder{max: maxEntries, pages: map[string]page{}}
}

// Record keeps a page. The slices are copied.
func (c *Recorder) Record(r *http.Request, status int, header http.Header, upstream, body []byte) {
	id := service.RequestID(r)
	p := page{
		uri: r.URL.RequestURI(), status: status, header: header.Clone(),
		upstream: copyPage(upstream), body: copyPage(body),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, again := c.pages[id]
	c.pages[id] = p
	if c.max == 0 || again {
		return
	}
	if len(c.ring) < c.max {
		c.ring = append(c.ring, id)
		return
	}
	delete(c.pages, c.ring[c.next])
	c.ring[c.next] = id
	c.next = (c.next + 1) % c.max
}

// Replay answers with a recorded page, for GET /debug/replay/{id}.
func (c *Recorder) Replay(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	p, ok := c.pages[r.PathValue("id")]
	c.mu.Unlock()
	if !ok {
		service.Fail(w, r, http.StatusNotFound, "not_recorded", "no page was recorded for this request id")
		return
	}
	w.Header().Set("X-Replay-Of", p.uri)
	service.ReplyBody(w, p.status, p.body)
}

func copyPage(b []byte) []byte {
	return append(make([]byte, 0, len(b)), b...)
}
