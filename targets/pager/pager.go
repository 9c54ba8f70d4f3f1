// Package pager is what the shop's Alertmanager calls: it keeps what arrives until the
// lab's control has fetched it, and asks the shop's monitoring what control wants to know.
//
// It is a container of its own, for both directions. It must be on the shop's network,
// where the trainee is; control, which holds the engine's socket and the lab's answers,
// must not be. So control reaches it on a unix socket in a volume that nobody else has,
// and nothing on the network reaches control. The trainee cannot stop or change it. What
// they can do is to send it a notice of their own, as anybody can who reaches a
// real webhook: it is data, bounded in size and number, and never the only proof.
package pager

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

// What is borne, whoever sends.
const (
	maxBody   = 256 << 10
	maxAlerts = 100 // of one call
	maxLabels = 24  // of one alert
	maxText   = 400 // bytes of one label or annotation
	kept      = 500 // notices
	burst     = 60  // new notices at once
	refill    = 0.2 // more of them a second, after that
)

// Notice is that one alert began or ended.
type Notice struct {
	Seq         int               `json:"seq"` // from 1
	At          time.Time         `json:"at"`
	Kind        string            `json:"kind"`   // page or ticket
	Status      string            `json:"status"` // firing or resolved
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"starts_at"`
}

// Notices are the notices after a number, oldest first. Numbers begin again when the
// run is another one.
type Notices struct {
	Run     string   `json:"run"`
	Notices []Notice `json:"notices"`
}

// Pager keeps the latest notices.
type Pager struct {
	run string
	now func() time.Time

	mu      sync.Mutex
	notices []Notice
	seq     int
	changed chan struct{} // closed when there is something new
	tokens  float64
	filled  time.Time
}

// New gives a pager that has been told nothing.
func New() *Pager {
	return &Pager{run: rand.Text(), now: time.Now, changed: make(chan struct{}), tokens: burst, filled: time.Now()}
}

// Receiver is what the shop's network reaches: POST /page and POST /ticket, with the body
// of Alertmanager's webhook.
func (p *Pager) Receiver() http.Handler {
	mux := http.NewServeMux()
	for _, kind := range []string{"page", "ticket"} {
		mux.HandleFunc("POST /"+kind, func(w http.ResponseWriter, r *http.Request) {
			status, err := p.take(kind, http.MaxBytesReader(w, r.Body, maxBody))
			if err != nil {
				http.Error(w, err.Error(), status)
			}
		})
	}
	return mux
}

// call is the body of a webhook, as far as it is used:
// https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
type call struct {
	Alerts []struct {
		Status      string            `json:"status"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		StartsAt    time.Time         `json:"startsAt"`
	} `json:"alerts"`
}

// take keeps what is new in a call. Alertmanager tells of all alerts of a group when one
// has changed, and again every while: what was told is not told twice.
func (p *Pager) take(kind string, body io.Reader) (int, error) {
	var c call
	if err := json.NewDecoder(body).Decode(&c); err != nil {
		return http.StatusBadRequest, fmt.Errorf("the body is not a webhook's: %w", err)
	}
	if len(c.Alerts) == 0 || len(c.Alerts) > maxAlerts {
		return http.StatusBadRequest, fmt.Errorf("%d alerts; want 1 to %d", len(c.Alerts), maxAlerts)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range c.Alerts {
		n := Notice{At: p.now(), Kind: kind, Status: a.Status, Labels: bound(a.Labels), Annotations: bound(a.Annotations), StartsAt: a.StartsAt}
		if n.Status != "firing" && n.Status != "resolved" {
			return http.StatusBadRequest, fmt.Errorf("an alert's status is %q; want firing or resolved", cut(n.Status))
		}
		if p.told(n) {
			continue
		}
		if !p.may() {
			return http.StatusServiceUnavailable, errors.New("too many notices; try again later") // Alertmanager does
		}
		p.seq++
		n.Seq = p.seq
		p.notices = append(p.notices, n)
		if over := len(p.notices) - kept; over > 0 {
			p.notices = slices.Delete(p.notices, 0, over)
		}
		close(p.changed)
		p.changed = make(chan struct{})
	}
	return http.StatusOK, nil
}

// told tells whether the newest notice of an alert says the same.
func (p *Pager) told(n Notice) bool {
	for _, o := range slices.Backward(p.notices) {
		if o.Kind == n.Kind && maps.Equal(o.Labels, n.Labels) {
			return o.Status == n.Status && o.StartsAt.Equal(n.StartsAt)
		}
	}
	return false // an end too: it may have begun before this pager was started again
}

// may takes one of the notices that are allowed.
func (p *Pager) may() bool {
	now := p.now()
	p.tokens = min(burst, p.tokens+refill*now.Sub(p.filled).Seconds())
	p.filled = now
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}

// bound leaves what is borne of labels: the first by name, each cut to a length.
func bound(m map[string]string) map[string]string {
	out := map[string]string{}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if len(out) == maxLabels {
			break
		}
		out[cut(k)] = cut(m[k])
	}
	return out
}

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}

// After gives the notices after a number of a run, and what is closed when there are
// more. Of another run, all are new.
func (p *Pager) After(run string, seq int) (Notices, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if run != p.run {
		seq = 0
	}
	out := Notices{Run: p.run, Notices: []Notice{}}
	for _, n := range p.notices {
		if n.Seq > seq {
			out.Notices = append(out.Notices, n)
		}
	}
	return out, p.changed
}
