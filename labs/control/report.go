package control

import (
	"fmt"
	"strings"
	"time"

	"faultlab/labs/grade"
	"faultlab/labs/sli"
)

// Report is the debrief of a lab so far.
type Report struct {
	ID       string           `json:"id"`
	Scenario string           `json:"scenario"`
	Lab      string           `json:"lab,omitempty"` // only with the answers
	Variant  string           `json:"variant,omitempty"`
	Seed     uint64           `json:"seed"`
	Pace     string           `json:"pace"`
	Clocks   grade.Clocks     `json:"clocks"`
	Grades   []grade.Grade    `json:"grades"`
	Filed    *grade.Diagnosis `json:"diagnosis,omitempty"`
	Events   []Event          `json:"timeline"`
	Answers  bool             `json:"answers"` // whether it tells what it was
	Markdown string           `json:"markdown"`
}

// report sums up what happened. The answers are in it when everything was passed,
// or when they are asked for, which is kept on record.
func (c *Control) report(reveal bool) Report {
	st := c.keep.get()
	passed := len(st.Grades) > 0 && st.Grades[len(st.Grades)-1].Passed
	if reveal && !passed && !st.Revealed {
		c.keep.set(func(s *State) { s.Revealed = true })
		c.line.add(Event{Actor: "system", Kind: "phase", Text: "the answer was shown"})
	}
	answers := passed || reveal || st.Revealed
	r := Report{ID: c.cfg.ID, Scenario: c.lab.Scenario, Seed: c.cfg.Seed, Pace: c.cfg.Pace, Clocks: st.clocks(),
		Grades: st.Grades, Filed: st.Diagnosis, Events: c.line.list(answers), Answers: answers}
	if answers {
		r.Lab, r.Variant = c.lab.ID, c.lab.Variant.ID
	}
	r.Markdown = c.markdown(r, st)
	return r
}

func (c *Control) markdown(r Report, st State) string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	line("# Incident report: lab %s, scenario %s\n", r.ID, r.Scenario)
	line("Seed %d, pace %s, started %s.\n", r.Seed, r.Pace, c.cfg.CreatedAt.UTC().Format(time.DateTime+" MST"))
	line("## What users got\n")
	line("| when | what |\n|---|---|")
	line("| before | %s |", c.window(st.HealthyAt.Add(-baseline[c.cfg.Pace]), st.HealthyAt))
	line("| first 30 s of the incident | %s |", c.window(st.BrokenAt, st.BrokenAt.Add(30*time.Second)))
	line("| last 15 s | %s |\n", c.window(c.now().Add(-StatusWindow), c.now()))
	line("Wanted: %s.\n", grade.Wanted(c.lab.Users))
	line("## Clocks\n")
	line("| clock | seconds after breaking |\n|---|---|")
	line("| detected (first look) | %s |", seconds(r.Clocks.Detect))
	line("| mitigated (users well again, and they stayed so) | %s |", seconds(r.Clocks.Mitigate))
	line("| fixed (grading asked for that proved it) | %s |\n", seconds(r.Clocks.Fix))
	c.grades(line, r, st)
	if r.Answers {
		line("## What it was\n")
		line("%s\n", strings.TrimSpace(c.lab.Debrief))
	}
	line("## Timeline\n")
	line("| time | +s | who | what |\n|---|---:|---|---|")
	for _, e := range r.Events {
		after := ""
		if !st.BrokenAt.IsZero() {
			after = fmt.Sprintf("%.0f", e.At.Sub(st.BrokenAt).Seconds())
		}
		line("| %s | %s | %s | %s |", e.At.UTC().Format(time.TimeOnly), after, e.Actor, cell(e.Text))
	}
	return b.String()
}

func (c *Control) grades(line func(string, ...any), r Report, st State) {
	if len(r.Grades) == 0 {
		line("Not graded yet.\n")
		return
	}
	for i, g := range r.Grades {
		line("## Grade %d of %d: %d of 100\n", i+1, len(r.Grades), g.Score)
		for _, part := range []struct {
			name string
			grade.Part
		}{{"Diagnosis", grade.Judge(st.Diagnosis, c.lab.Diagnosis, r.Answers)}, {"Fix", g.Fix}} {
			if part.name == "Diagnosis" && !(r.Answers && i == len(r.Grades)-1) {
				part.Part = g.Diagnosis // as it was filed at that time
			}
			line("**%s: %s, %d of %d**\n", part.name, part.Verdict, part.Points, part.Of)
			for _, w := range part.Why {
				line("- %s", strings.ReplaceAll(w, "\n", " "))
			}
			line("")
		}
		line("| proof | check | verdict | measured | limit |\n|---|---|---|---|---|")
		for _, k := range g.Checks {
			line("| %s | %s | %s | %s | %s |", k.Proof, k.ID, k.Verdict, cell(k.Measured), cell(k.Limit))
		}
		line("")
	}
}

func (c *Control) window(from, to time.Time) string {
	w := c.rec.Window(from, to, sli.Filter{})
	return w.Describe()
}

// cell makes a text fit into a table's cell.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", "\\|")
}

func seconds(v *float64) string {
	if v == nil {
		return "not yet"
	}
	return fmt.Sprintf("%.1f", *v)
}
