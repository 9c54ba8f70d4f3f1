package grade

import (
	"fmt"
	"time"
)

// Grade is the whole outcome.
type Grade struct {
	At        time.Time `json:"at"`
	Final     bool      `json:"final"` // every proof was made
	Diagnosis Part      `json:"diagnosis"`
	Fix       Part      `json:"fix"`
	Score     int       `json:"score"` // out of 100
	Clocks    Clocks    `json:"clocks"`
	Checks    []Result  `json:"checks"`
	Passed    bool      `json:"passed"` // both verdicts
}

// Clocks say how long things took, in seconds since the system broke; null when
// they have not happened.
type Clocks struct {
	Detect   *float64 `json:"detect_s"`   // the trainee's first look
	Mitigate *float64 `json:"mitigate_s"` // users well again, and they stayed so
	Fix      *float64 `json:"fix_s"`      // asked for the grading that proved the fix
}

// points of the two halves of a fix
const (
	mitigationPoints = 15
	fixPoints        = 45
)

// Fixed makes the fix's part of the grade: 15 points for a mitigation (users well
// again after something was changed, and they stayed so), 45 for a fix that every
// proof holds for. A mitigation alone never passes.
func Fixed(checks []Result, mitigated bool) Part {
	p := Part{Verdict: Overall(checks), Of: mitigationPoints + fixPoints}
	if mitigated {
		p.Points += mitigationPoints
		p.Why = append(p.Why, fmt.Sprintf("mitigation: %d of %d; users were well again after a change of yours", mitigationPoints, mitigationPoints))
	} else {
		p.Why = append(p.Why, fmt.Sprintf("mitigation: 0 of %d; users have not been well for long enough after a change of yours", mitigationPoints))
	}
	switch p.Verdict {
	case Pass:
		p.Points += fixPoints
		p.Why = append(p.Why, fmt.Sprintf("fix: %d of %d; every proof holds", fixPoints, fixPoints))
	case Fail:
		p.Why = append(p.Why, fmt.Sprintf("fix: 0 of %d; not every proof holds", fixPoints))
	default:
		p.Why = append(p.Why, fmt.Sprintf("fix: 0 of %d; not every proof could be made", fixPoints))
	}
	for _, c := range checks {
		if c.Verdict != Pass {
			p.Why = append(p.Why, fmt.Sprintf("%s %s: %s; %s", c.Proof, c.ID, c.Measured, c.Why))
		}
	}
	return p
}

// Sum fills in the score and whether all was passed.
func (g *Grade) Sum() {
	g.Score = g.Diagnosis.Points + g.Fix.Points
	g.Passed = g.Diagnosis.Verdict == Pass && g.Fix.Verdict == Pass
}
