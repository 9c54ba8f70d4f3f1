package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"faultlab/faults/engine"
	"faultlab/labs/catalog"
	"faultlab/labs/monitor"
	"faultlab/targets/pager"
)

// The pager's socket, and the last number of its address: pager.shop.internal of the
// shop's dns.
const (
	pagerSocket = pagerPath + "/pager.sock"
	pagerHost   = 41
)

// monitored tells whether the shop runs with Prometheus and Alertmanager.
func (c *Control) monitored() bool { return c.keep.get().Order.Profile == catalog.ProfileFull }

// startPager starts what Alertmanager calls; see package pager for why it is a
// container of its own.
func (c *Control) startPager(ctx context.Context) error {
	if !c.monitored() {
		return nil
	}
	if err := os.Chown(pagerPath, nobody, nobody); err != nil {
		return fmt.Errorf("hand over the pager's volume: %w", err)
	}
	_, err := c.eng.Run(ctx, engine.Spec{
		Name: Name(c.cfg.ID, RolePager), Image: c.cfg.Registry + "/pager:1", Labels: Labels(c.cfg.ID, RolePager, false),
		Cmd: []string{"--socket", pagerSocket}, Volumes: map[string]string{Name(c.cfg.ID, "pager"): pagerPath},
		Networks: []engine.Join{{Network: Name(c.cfg.ID, "shop"), IP: host(c.shop, pagerHost)}},
		Restart:  "always", MemoryBytes: 64 << 20, PidsLimit: 64, CapDrop: []string{"ALL"}, ReadOnlyRoot: true, LogMaxSize: "1m",
	})
	return err
}

// followPager puts what arrives at the pager on the timeline, until ctx ends.
func (c *Control) followPager(ctx context.Context) {
	if !c.monitored() {
		return
	}
	for ctx.Err() == nil {
		st := c.keep.get()
		got, err := c.monitor.Notices(ctx, st.PagerRun, st.PagerSeq)
		if err == nil {
			if err = c.noticed(got); err != nil {
				c.log.Error("a notice of the pager could not be kept", "err", err)
			}
		}
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// firingAtMost bounds how many alerts are kept as firing; real ones are few.
const firingAtMost = 100

// noticed keeps notices: each is an event, and those that fire are what status shows.
// The pager forgets when it is started again: what it then tells again, and the end of
// what never fired, is no news. After a kill of control an event may be there twice.
func (c *Control) noticed(got pager.Notices) error {
	st := c.keep.get()
	seq, firing := 0, slices.Clone(st.Firing)
	if st.PagerRun == got.Run {
		seq = st.PagerSeq
	}
	for _, n := range got.Notices {
		seq = max(seq, n.Seq)
		at := slices.IndexFunc(firing, func(o pager.Notice) bool { return o.Kind == n.Kind && maps.Equal(o.Labels, n.Labels) })
		if fires := n.Status == "firing"; fires == (at >= 0) && (!fires || firing[at].StartsAt.Equal(n.StartsAt)) {
			continue
		}
		if at >= 0 {
			firing = slices.Delete(firing, at, at+1)
		}
		if n.Status == "firing" {
			firing = append(firing, n)
		}
		c.line.add(noticeEvent(n))
	}
	firing = firing[max(0, len(firing)-firingAtMost):]
	return c.keep.set(func(s *State) { s.PagerRun, s.PagerSeq, s.Firing = got.Run, seq, firing })
}

// noticeEvent is a notice as an event: a page is of the kind alert, since page is what
// starts the incident.
func noticeEvent(n pager.Notice) Event {
	kind := "alert"
	if n.Kind == "ticket" {
		kind = "ticket"
	}
	text := n.Status + ": " + monitor.About(n.Labels)
	if s := n.Annotations["summary"]; s != "" {
		text += ": " + s
	}
	return Event{At: n.At, Actor: "pager", Kind: kind, Text: text, Labels: n.Labels}
}

// pages are the pages that have arrived and have not ended, as events, oldest first.
func (c *Control) pages() []Event {
	out := []Event{}
	for _, n := range c.keep.get().Firing {
		if n.Kind == "page" {
			out = append(out, noticeEvent(n))
		}
	}
	return out
}

// monitorRoutes are Prometheus' numbers and alerts on the desk. With as=text they are
// answered as a person reads them, for the bastion.
func (c *Control) monitorRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/query", func(w http.ResponseWriter, r *http.Request) {
		var q monitor.Query
		if !read(w, r, &q) || !c.canMonitor(w) {
			return
		}
		c.look("asked Prometheus: " + q.Expr)
		res, err := c.monitor.Ask(r.Context(), q)
		if err != nil {
			noAnswer(w, err)
			return
		}
		if r.URL.Query().Get("as") != "text" {
			reply(w, res)
			return
		}
		var text bytes.Buffer
		res.Print(&text)
		reply(w, map[string]string{"text": text.String()})
	})
	mux.HandleFunc("GET /v1/alerts", func(w http.ResponseWriter, r *http.Request) {
		if !c.canMonitor(w) {
			return
		}
		c.look("looked at alerts")
		a, err := c.monitor.Alerts(r.Context())
		if a == nil {
			noAnswer(w, err)
			return
		}
		out := Alerts{Alerts: a, Arrived: c.pages()}
		if err != nil {
			out.Unsure = err.Error()
		}
		if r.URL.Query().Get("as") != "text" {
			reply(w, out)
			return
		}
		var text bytes.Buffer
		out.Print(&text)
		reply(w, map[string]string{"text": text.String()})
	})
}

// Alerts is what monitoring knows to be wrong.
type Alerts struct {
	Alerts  []monitor.Alert `json:"alerts"`
	Arrived []Event         `json:"pages"`            // that reached the pager and have not ended
	Unsure  string          `json:"unsure,omitempty"` // what could not be found out
}

// Print shows them to a person.
func (a Alerts) Print(to io.Writer) error {
	if err := monitor.PrintAlerts(to, a.Alerts, time.Now()); err != nil {
		return err
	}
	if a.Unsure != "" {
		fmt.Fprintln(to, "\n"+a.Unsure)
	}
	_, err := fmt.Fprintf(to, "\nPages that reached the pager and have not ended: %d\n", len(a.Arrived))
	return err
}

// canMonitor refuses where there is nothing to ask.
func (c *Control) canMonitor(w http.ResponseWriter) bool {
	if c.monitored() {
		return true
	}
	problem(w, http.StatusConflict, &Problem{"this site runs without Prometheus and Alertmanager", "curl -s http://web-eu:8080/metrics on the bastion shows a service's own metrics; faultlab start --profile full has both"})
	return false
}

// noAnswer says why a question has no answer: it was wrong, or nobody was there.
func noAnswer(w http.ResponseWriter, err error) {
	var usage *monitor.UsageError
	if errors.As(err, &usage) {
		problem(w, http.StatusUnprocessableEntity, &Problem{monitor.Plain(usage.Text), `RUNBOOK.md lists useful ones; try: query 'region:requests:rate1m' --range 10m`})
		return
	}
	problem(w, http.StatusBadGateway, &Problem{"Prometheus does not answer", "docker compose ps prometheus; docker compose logs prometheus"})
}
