package labs

import (
	"fmt"
	"slices"

	"faultlab/labs/grade"
)

// Verified is the outcome of a verification.
type Verified struct {
	OK bool `json:"ok"` // the verdict is pass
	// Verdict is fail when an attempt was graded otherwise than wanted, and unknown
	// when none was but some could not be played, graded or cleared away.
	Verdict grade.Verdict `json:"verdict"`
	Labs    []VerifiedLab `json:"labs"`
}

// VerifiedLab is one lab in one variant.
type VerifiedLab struct {
	ID       string    `json:"id"`
	Variant  string    `json:"variant"`
	Attempts []Attempt `json:"attempts"`
}

// Unchecked is the error of a verification that found nothing wrong with the labs
// and could not look at all of it.
func (v *Verified) Unchecked() error {
	var first *Attempt
	n := 0
	for _, l := range v.Labs {
		for i, a := range l.Attempts {
			if a.OK {
				continue
			}
			if n++; first == nil {
				first = &l.Attempts[i]
			}
		}
	}
	if v.Verdict != grade.Unknown || first == nil {
		return nil
	}
	why := first.Error
	if why == "" {
		why = "its grade is " + first.Got
	}
	return refuse(fmt.Sprintf("%d of the attempts could not be checked; %s of %s/%s: %s", n, first.Name, first.lab, first.variant, why),
		"give the machine less to do, or name fewer attempts at a time: --parallel 1, --only; --evidence DIR keeps their reports")
}

// otherwise tells whether an attempt was graded, and not as wanted.
func (a *Attempt) otherwise() bool {
	switch grade.Verdict(a.Got) {
	case grade.Pass, grade.Fail:
		return !a.asWanted()
	}
	return false
}

// sum groups attempts by lab and variant.
func sum(attempts []Attempt) *Verified {
	v := &Verified{Verdict: grade.Pass}
	for _, a := range attempts {
		i := slices.IndexFunc(v.Labs, func(l VerifiedLab) bool { return l.ID == a.lab && l.Variant == a.variant })
		if i < 0 {
			v.Labs = append(v.Labs, VerifiedLab{ID: a.lab, Variant: a.variant})
			i = len(v.Labs) - 1
		}
		v.Labs[i].Attempts = append(v.Labs[i].Attempts, a)
		switch {
		case a.otherwise():
			v.Verdict = grade.Fail
		case !a.OK && v.Verdict == grade.Pass:
			v.Verdict = grade.Unknown
		}
	}
	v.OK = v.Verdict == grade.Pass
	return v
}
