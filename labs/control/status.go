package control

import (
	"time"

	"faultlab/labs/grade"
	"faultlab/labs/sli"
	"faultlab/targets/traffic"
)

// Segment is what one group of users got lately.
type Segment struct {
	Name     string  `json:"name"` // all, region us, route search, ...
	Requests int     `json:"requests"`
	Success  float64 `json:"success"` // percent; -1 without requests
	P50      float64 `json:"p50_ms"`
	P95      float64 `json:"p95_ms"`
	P99      float64 `json:"p99_ms"`
	Well     bool    `json:"well"`
}

// Status is what users got lately.
type Status struct {
	ID        string         `json:"id"`
	Scenario  string         `json:"scenario"`
	Phase     string         `json:"phase"`
	At        time.Time      `json:"at"`
	Since     time.Time      `json:"paged_at,omitzero"` // the incident was told of; zero: there is none
	Seconds   int            `json:"window_s"`
	Rate      float64        `json:"requests_per_second"`
	Want      string         `json:"want"`                 // what users must get
	IPv4Alone string         `json:"ipv4_alone,omitempty"` // why no users come over IPv6; "": they do
	Segments  []Segment      `json:"segments"`
	Errors    map[string]int `json:"errors"`
	Filed     bool           `json:"diagnosis_filed"`
	Grades    int            `json:"grades"`
	Pages     []Event        `json:"pages"` // alerts that reached the pager and have not ended
}

// StatusWindow is how far back status looks when it is not told, and at least.
const StatusWindow = 15 * time.Second

// status is what users got in the last part of the session, or in all of it where that
// is shorter.
func (c *Control) status(last time.Duration) Status {
	st := c.keep.get()
	now := c.now()
	from := now.Add(-last)
	w := c.rec.Window(from, now, sli.Filter{})
	s := Status{ID: c.cfg.ID, Scenario: c.lab.Scenario, Phase: st.Phase, At: now, Since: st.PagedAt, Seconds: w.Seconds,
		Want: grade.Wanted(c.lab.Users), IPv4Alone: st.IPv4Alone, Errors: w.Errs, Filed: st.Diagnosis != nil, Grades: len(st.Grades), Pages: c.pages()}
	if w.Seconds > 0 {
		s.Rate = float64(w.Sent) / float64(w.Seconds)
	}
	add := func(name string, f sli.Filter) {
		w := c.rec.Window(from, now, f)
		g := Segment{Name: name, Requests: w.N, Success: -1, P50: millis(w.Quantile(.5)), P95: millis(w.Quantile(.95)), P99: millis(w.Quantile(.99))}
		if w.N > 0 {
			g.Success = w.Success()
		}
		g.Well = len(grade.Breaches(w, c.lab.Users, f.Region)) == 0
		s.Segments = append(s.Segments, g)
	}
	add("all", sli.Filter{})
	for _, d := range traffic.Dimensions {
		for _, v := range c.rec.Values(from, now, d) {
			add(d.Name+" "+v, sli.Only(d, v))
		}
	}
	return s
}

func millis(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}
