package control

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"faultlab/labs/catalog"
	"faultlab/labs/endpoint"
	"faultlab/labs/grade"
)

// Brief is what the pager said at first, and what it says now.
type Brief struct {
	Brief string  `json:"brief"`
	Pages []Event `json:"pages"`
}

// look keeps that the trainee did something; change that it changed something.
func (c *Control) look(text string) { c.did("look", text) }

func (c *Control) did(kind, text string) {
	st := c.keep.get()
	if st.Phase != "running" {
		return
	}
	now := time.Now()
	c.line.add(Event{At: now, Actor: "trainee", Kind: kind, Text: text})
	if st.FirstLook.IsZero() || kind == "change" {
		c.keep.set(func(s *State) {
			if s.FirstLook.IsZero() {
				s.FirstLook = now
			}
			if kind == "change" {
				s.change(now)
			}
		})
	}
}

// recordAction keeps what came through the Docker endpoint. What control does
// itself in the bastion does not count as the trainee's.
func (c *Control) recordAction(a endpoint.Action) {
	if !c.changing.TryLock() {
		return
	}
	c.changing.Unlock()
	kind := "look"
	if a.Changes && a.Status < 400 {
		kind = "change"
	}
	if kind == "look" && c.keep.get().FirstLook.After(time.Time{}) && strings.HasPrefix(a.Verb, "list") || a.Verb == "inspect container" || a.Verb == "inspect network" || a.Verb == "inspect volume" {
		return // compose alone makes dozens of these
	}
	text := a.Verb + " " + a.Object
	if a.Status >= 400 {
		text += fmt.Sprintf(" (refused, %d)", a.Status)
	}
	c.did(kind, strings.TrimSpace(text))
}

// Escalation is a page to another team.
type Escalation struct {
	Team     string `json:"team"`
	About    string `json:"about"`
	Evidence string `json:"evidence"`
}

// Teams that can be paged.
var Teams = []string{"network", "database", "vendor", "platform", "security"}

// escalate hands a matter to a team. The right one with the right facts mends
// what is theirs after a while; others say that it is not.
func (c *Control) escalate(e Escalation) (string, error) {
	if !slices.Contains(Teams, e.Team) {
		return "", &Problem{fmt.Sprintf("there is no team %q", e.Team), "teams: " + strings.Join(Teams, ", ")}
	}
	if strings.TrimSpace(e.About) == "" || strings.TrimSpace(e.Evidence) == "" {
		return "", &Problem{"a page needs what it is about and the evidence for it", `--about eu-a --evidence "what you measured"`}
	}
	if c.keep.get().Phase != "running" {
		return "", &Problem{"there is no incident yet", "wait until the pager goes off"}
	}
	c.did("escalation", fmt.Sprintf("paged %s about %q: %s", e.Team, e.About, e.Evidence))
	if several(e.About, c.keep.get().Inventory) {
		reply := fmt.Sprintf("%s team: %q names several zones. Page us about the one that your evidence points to.", e.Team, e.About)
		c.line.add(Event{Actor: e.Team, Kind: "reply", Text: reply})
		return reply, nil
	}
	for _, x := range c.lab.Escalations {
		if x.Team == e.Team && mentions(e.About, x.About) {
			c.keep.set(func(s *State) {
				if !slices.Contains(s.Told, x.Team) {
					s.Told = append(s.Told, x.Team)
				}
			})
			c.line.add(Event{Actor: x.Team, Kind: "reply", Text: x.Reply})
			if x.Done != "" {
				c.mendLater(x)
			}
			return x.Reply, nil
		}
	}
	c.keep.set(func(s *State) {
		told := map[string]int{e.Team: 1} // a new map: those who have the old one read on
		for team, n := range s.Misled {
			told[team] += n
		}
		s.Misled = told
	})
	reply := fmt.Sprintf("%s team: we have looked at %q and find nothing of ours that is wrong. Not ours; page us again with what points to us.", e.Team, e.About)
	c.line.add(Event{Actor: e.Team, Kind: "reply", Text: reply})
	return reply, nil
}

// mentions tells whether text names any of the things, in whole words.
func mentions(text string, things []string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r != '-' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return slices.ContainsFunc(things, func(t string) bool { return slices.Contains(words, strings.ToLower(t)) })
}

// several tells whether a page is about more than one zone: one that lists them
// all points to none.
func several(about string, inv grade.Inventory) bool {
	zones := map[string][]string{}
	for name, s := range inv.Services {
		if s.Place == "" {
			continue
		}
		zones[s.Place] = append(zones[s.Place], s.Place, "link-"+s.Place)
		if strings.HasPrefix(name, "web-") {
			zones[s.Place] = append(zones[s.Place], name)
		}
	}
	n := 0
	for _, words := range zones {
		if mentions(about, words) {
			n++
		}
	}
	return n > 1
}

// mendLater takes the injected faults away when the team's time has come.
func (c *Control) mendLater(x catalog.Escalation) {
	after := x.After
	if c.cfg.Pace == "fast" {
		after /= 5
	}
	time.AfterFunc(after, func() {
		if c.keep.get().Mended {
			return
		}
		if err := c.uplinks.mend(context.WithoutCancel(c.life)); err != nil {
			c.log.Error("a team could not mend its part", "team", x.Team, "err", err)
			return
		}
		c.keep.set(func(s *State) {
			s.Mended = true
			s.change(time.Now())
		})
		c.line.add(Event{Actor: x.Team, Kind: "reply", Text: x.Done})
	})
}

// diagnose files a diagnosis; a later one replaces it.
func (c *Control) diagnose(d grade.Diagnosis) error {
	if err := d.Validate(); err != nil {
		return err
	}
	if c.keep.get().Phase != "running" {
		return &Problem{"there is no incident yet", "wait until the pager goes off"}
	}
	c.did("diagnosis", fmt.Sprintf("component %s; mechanism %s; trigger %s; scope %s",
		strings.Join(d.Component, ", "), strings.Join(d.Mechanism, ", "), strings.Join(d.Trigger, ", "), strings.Join(d.Scope, ", ")))
	return c.keep.set(func(s *State) { s.Diagnosis = &d })
}

// grade makes every proof and sums up.
func (c *Control) grade(ctx context.Context, say func(Progress)) (*grade.Grade, error) {
	if !c.grading.TryLock() {
		return nil, &Problem{"a grading is under way", "wait for it to end; it takes half a minute at fast pace, two at real"}
	}
	defer c.grading.Unlock()
	if c.keep.get().Phase != "running" {
		return nil, &Problem{"nothing is broken yet", "wait until the pager goes off"}
	}
	c.line.add(Event{Actor: "grader", Kind: "phase", Text: "grading begins: it makes the system anew and sends more traffic, of which alerts may tell"})
	asked, n := time.Now(), 0
	r := grade.Runner{World: world{c}, Lab: c.lab, Pace: c.pace, Progress: func(s string) {
		n++
		say(Progress{Phase: "grade", Done: n, Of: 2 * len(c.lab.Checks), Text: s})
	}}
	checks := r.Run(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	st := c.keep.get()
	g := grade.Grade{At: time.Now(), Final: !slices.ContainsFunc(checks, func(r grade.Result) bool { return r.Verdict == grade.Unknown }), Checks: checks}
	g.Fix = grade.Fixed(checks, !st.MitigateAt.IsZero() || grade.Overall(checks) == grade.Pass)
	g.Diagnosis = grade.Judge(st.Diagnosis, c.lab.Diagnosis, false)
	g.Sum()
	err := c.keep.set(func(s *State) {
		if g.Fix.Verdict == grade.Pass {
			if s.FixedAt.IsZero() {
				s.FixedAt = asked
			}
			// The proofs cover the time since they were asked for.
			if s.MitigateAt.IsZero() {
				s.MitigateAt = asked
			}
		}
		g.Clocks = s.clocks()
		s.Grades = append(s.Grades, g)
	})
	c.line.add(Event{Actor: "grader", Kind: "grade", Text: fmt.Sprintf("diagnosis %s, fix %s, %d of 100", g.Diagnosis.Verdict, g.Fix.Verdict, g.Score)})
	return &g, err
}

func (s *State) clocks() grade.Clocks {
	since := func(t time.Time) *float64 {
		if t.IsZero() || s.BrokenAt.IsZero() {
			return nil
		}
		v := t.Sub(s.BrokenAt).Round(100 * time.Millisecond).Seconds()
		return &v
	}
	return grade.Clocks{Detect: since(s.FirstLook), Mitigate: since(s.MitigateAt), Fix: since(s.FixedAt)}
}
