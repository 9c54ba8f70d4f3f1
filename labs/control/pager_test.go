package control

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"faultlab/labs/catalog"
	"faultlab/targets/pager"
)

// notice is what the pager was told of an alert about eu.
func notice(seq int, kind, status string) pager.Notice {
	return pager.Notice{Seq: seq, At: time.Now(), Kind: kind, Status: status, Labels: map[string]string{"alertname": "Burn", "severity": kind, "region": "eu"},
		Annotations: map[string]string{"summary": "Users of eu: 7 times too fast"}}
}

// What arrives at the pager is on the timeline with its labels, and in status and
// brief until it ends; a restart of control reads on where it was.
func TestPagerIsOnTheTimeline(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	h := c.handler(t.Context())
	if err := c.noticed(pager.Notices{Run: "r1", Notices: []pager.Notice{notice(1, "page", "firing"), notice(2, "ticket", "firing")}}); err != nil {
		t.Fatal(err)
	}
	last := c.line.list(false)
	page, ticket := last[len(last)-2], last[len(last)-1]
	if page.Actor != "pager" || page.Kind != "alert" || page.Labels["region"] != "eu" || page.Text != `firing: Burn{region="eu"}: Users of eu: 7 times too fast` {
		t.Errorf("the page is %+v", page)
	}
	if ticket.Kind != "ticket" {
		t.Errorf("the ticket is %+v", ticket)
	}
	for _, path := range []string{"/v1/status", "/v1/brief"} {
		_, body := api(c, h, "GET", path, "", "Authorization", bearer)
		var got struct{ Pages []Event }
		if json.Unmarshal([]byte(body), &got) != nil || len(got.Pages) != 1 || got.Pages[0].Labels["alertname"] != "Burn" {
			t.Errorf("%s: %s; want one page", path, body)
		}
	}
	if st := c.keep.get(); st.PagerRun != "r1" || st.PagerSeq != 2 {
		t.Errorf("read up to %s %d; want r1 2", st.PagerRun, st.PagerSeq)
	}
}

// A pager that is started again forgets: what it is told again is no second page, what
// ended is not on for ever, and the end of what never fired is nothing.
func TestPagerStartedAgain(t *testing.T) {
	began := time.Now()
	page := func(seq int, status string, at time.Time) pager.Notice {
		n := notice(seq, "page", status)
		n.StartsAt = at
		return n
	}
	for name, tt := range map[string]struct {
		then                   []pager.Notice
		seq, events, on, count int
	}{
		"told again":          {[]pager.Notice{page(1, "firing", began)}, 1, 0, 1, 2},
		"ended":               {[]pager.Notice{page(1, "resolved", began)}, 1, 1, 0, 1},
		"ended twice":         {[]pager.Notice{page(1, "resolved", began), page(2, "resolved", began)}, 2, 1, 0, 1},
		"ended and on anew":   {[]pager.Notice{page(1, "resolved", began), page(2, "firing", began.Add(time.Minute))}, 2, 2, 1, 2},
		"on since later":      {[]pager.Notice{page(1, "firing", began.Add(time.Minute))}, 1, 1, 1, 2},
		"a ticket never told": {[]pager.Notice{notice(1, "other", "resolved")}, 1, 0, 1, 2},
		"nothing":             {nil, 0, 0, 1, 2},
	} {
		c := running(t, "3a-memory-leak", "")
		if err := c.noticed(pager.Notices{Run: "r1", Notices: []pager.Notice{page(1, "firing", began), notice(2, "ticket", "firing")}}); err != nil {
			t.Fatal(err)
		}
		before := len(c.line.list(false))
		if err := c.noticed(pager.Notices{Run: "r2", Notices: tt.then}); err != nil {
			t.Fatal(err)
		}
		st := c.keep.get()
		if n := len(c.line.list(false)) - before; st.PagerRun != "r2" || st.PagerSeq != tt.seq || n != tt.events || len(c.pages()) != tt.on || len(st.Firing) != tt.count {
			t.Errorf("%s: read up to %s %d, %d events, pages on %v, firing %v; want %+v", name, st.PagerRun, st.PagerSeq, n, c.pages(), st.Firing, tt)
		}
	}
}

// A site without monitoring says so, and does not wait for a pager.
func TestCoreHasNoMonitoring(t *testing.T) {
	c := running(t, "3a-memory-leak", "")
	h := c.handler(t.Context())
	for _, ask := range [][3]string{{"POST", "/v1/query", `{"expr":"up"}`}, {"GET", "/v1/alerts", ""}} {
		code, body := api(c, h, ask[0], ask[1], ask[2], "Authorization", bearer)
		if code != 409 || !strings.Contains(body, "without Prometheus") || !strings.Contains(body, "hint") {
			t.Errorf("%s: %d %s", ask[1], code, body)
		}
	}
	c.followPager(t.Context()) // returns
	c.keep.set(func(s *State) { s.Order.Profile = catalog.ProfileFull })
	if code, body := api(c, h, "POST", "/v1/query", `{"expr":""}`, "Authorization", bearer); code != 422 || !strings.Contains(body, "PromQL") {
		t.Errorf("an empty question: %d %s", code, body)
	}
	if code, body := api(c, h, "POST", "/v1/query", `{"expr":"up","range":"soon"}`, "Authorization", bearer); code != 400 {
		t.Errorf("a range that is none: %d %s", code, body)
	}
}

// What the lab says is what is played, unless the order says otherwise.
func TestProfile(t *testing.T) {
	for _, tt := range []struct{ lab, ordered, want string }{
		{"3a-memory-leak", "", catalog.ProfileCore}, {"2b-packet-loss", "", catalog.ProfileCore}, {"3a-memory-leak", catalog.ProfileFull, catalog.ProfileFull},
	} {
		c := running(t, tt.lab, "")
		c.keep.set(func(s *State) { s.Phase = "" })
		if err := c.accept(Order{Lab: c.lab.ID, Profile: tt.ordered}); err != nil {
			t.Fatal(err)
		}
		if got := c.keep.get().Order.Profile; got != tt.want || c.monitored() != (tt.want == catalog.ProfileFull) {
			t.Errorf("%s, ordered %q: %s; want %s", tt.lab, tt.ordered, got, tt.want)
		}
	}
}
