package control

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"faultlab/labs/catalog"
	"faultlab/labs/grade"
)

// graded is a grade in which every check fell short, as a trainee would see it.
func graded(c *Control, v grade.Verdict) grade.Grade {
	g := grade.Grade{At: time.Now()}
	for _, k := range c.lab.Checks {
		g.Checks = append(g.Checks, grade.Result{ID: k.ID, Proof: k.Proof, Verdict: v, Measured: "a | b\nc", Limit: grade.Wanted(k.SLO), Why: k.Why})
	}
	g.Fix = grade.Fixed(g.Checks, false)
	st := c.keep.get()
	g.Diagnosis = grade.Judge(st.Diagnosis, c.lab.Diagnosis, false)
	g.Sum()
	c.keep.set(func(s *State) { s.Grades = append(s.Grades, g) })
	return g
}

// What a trainee can get before the end holds nothing that tells what it is.
func TestNothingTellsTheAnswer(t *testing.T) {
	for _, id := range catalog.IDs() {
		first, err := catalog.Load(id, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range first.Variants {
			t.Run(id+"/"+v.ID, func(t *testing.T) {
				c := running(t, id, v.ID)
				h := c.handler(t.Context())
				var seen strings.Builder
				get := func(method, path, body string) {
					_, got := api(c, h, method, path, body, "Authorization", bearer)
					seen.WriteString(got + "\n")
				}
				for _, path := range []string{"/v1/brief", "/v1/status", "/v1/timeline", "/v1/report", "/v1/nothing", "/v1/report?answers=no", "/v1/report?answers=YES"} {
					get("GET", path, "")
				}
				env, err := c.cfg.Env()
				if err != nil {
					t.Fatal(err)
				}
				seen.WriteString(env[envConfig])
				for _, verdict := range []grade.Verdict{grade.Fail, grade.Unknown} {
					b, _ := json.Marshal(graded(c, verdict))
					seen.Write(b)
				}
				get("POST", "/v1/diagnosis", `{"component":["users"],"mechanism":["mtu"],"trigger":["expiry"],"scope":["some-tenants"]}`)
				b, _ := json.Marshal(graded(c, grade.Fail))
				seen.Write(b)
				for _, team := range Teams {
					get("POST", "/v1/escalate", `{"team":"`+team+`","about":"the shop","evidence":"users wait"}`)
				}
				get("POST", "/v1/start", `{"lab":"`+c.lab.ID+`","variant":"`+v.ID+`"}`)
				get("POST", "/v1/escalate", `{"team":"x"}`)
				get("POST", "/v1/diagnosis", `{"component":["x"]}`)
				get("GET", "/v1/report", "")
				get("GET", "/v1/timeline", "")

				// The list of what may be answered names every answer; it is no leak.
				text := seen.String()
				for _, f := range grade.Fields {
					for _, term := range f {
						text = strings.ReplaceAll(text, term.Name+", ", "")
					}
					text = strings.ReplaceAll(text, " one or more of: "+f[len(f)-1].Name+`"`, "")
				}
				secrets := []string{"the secret", c.lab.ID, c.lab.Title, c.lab.Mode, strings.Split(c.lab.ID, "-")[0] + "/"}
				secrets = append(secrets, c.lab.Diagnosis.Mechanism...)
				if len(c.lab.Variants) > 1 { // the only one tells nothing
					secrets = append(secrets, c.lab.Variant.ID)
				}
				for _, s := range c.lab.Break {
					if s.Fault != nil {
						secrets = append(secrets, s.Fault.Kind, s.Fault.Uplink)
					}
				}
				for line := range strings.Lines(c.lab.Debrief) {
					if line = strings.TrimSpace(line); len(line) > 20 {
						secrets = append(secrets, line)
					}
				}
				for _, s := range secrets {
					if m := regexp.MustCompile(`(?i)(^|[^a-z0-9-])` + regexp.QuoteMeta(s) + `($|[^a-z0-9-])`).FindStringIndex(text); m != nil {
						t.Errorf("%q is told: ...%s...", s, text[max(0, m[0]-80):min(len(text), m[1]+40)])
					}
				}
			})
		}
	}
}

func TestReport(t *testing.T) {
	c := running(t, "2b-packet-loss", "us-b")
	r := c.report(false)
	if r.Answers || r.Lab != "" || !strings.Contains(r.Markdown, "Not graded yet") || strings.Contains(r.Markdown, "What it was") {
		t.Errorf("before any grade: %+v", r)
	}
	c.look("a | b\nc")
	graded(c, grade.Fail)
	r = c.report(false)
	for line := range strings.Lines(r.Markdown) {
		if strings.HasPrefix(line, "|") && strings.Contains(line, "b c") && !strings.Contains(line, `a \| b c`) {
			t.Errorf("a cell is not kept together: %s", line)
		}
	}
	if !strings.Contains(r.Markdown, `a \| b c`) || strings.Contains(r.Markdown, "the secret") || r.Answers {
		t.Errorf("after a grade:\n%s", r.Markdown)
	}
	right := c.lab.Diagnosis
	c.keep.set(func(s *State) {
		s.Diagnosis = &grade.Diagnosis{Component: right.Component[:1], Mechanism: right.Mechanism[:1], Trigger: right.Trigger[:1], Scope: right.Scope[:1]}
	})
	if g := graded(c, grade.Unknown); g.Passed {
		t.Error("unknown passes")
	}
	if r = c.report(false); r.Answers {
		t.Error("what could not be checked tells the answer")
	}
	if g := graded(c, grade.Pass); !g.Passed {
		t.Errorf("all right, and not passed: %+v", g)
	}
	if r = c.report(false); !r.Answers || r.Lab != c.lab.ID || !strings.Contains(r.Markdown, "What it was") || !strings.Contains(r.Markdown, "the secret") {
		t.Errorf("after passing: %+v", r)
	}

	c = running(t, "2b-packet-loss", "us-b")
	if r = c.report(true); !r.Answers || !c.keep.get().Revealed {
		t.Error("asked for the answer, and not told, or not on record")
	}
	if !strings.Contains(c.report(false).Markdown, "the answer was shown") {
		t.Error("that it was shown is not on the timeline")
	}
	c.keep.set(func(s *State) { s.BrokenAt = time.Time{} })
	if m := c.report(false).Markdown; strings.Contains(m, "922337") {
		t.Errorf("before breaking:\n%s", m)
	}
}
