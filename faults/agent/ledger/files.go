package ledger

import (
	"fmt"
	"slices"
	"strings"
)

// without is what a slot that has now should have when ours are to go and value to
// come: of limits each of the two by itself, because a program may set them apart.
func (s Slot) without(now string, ours []string, value string) string {
	soft, hard, pair := strings.Cut(now, ":")
	if s.PID == 0 || !pair {
		if slices.Contains(ours, now) {
			return value
		}
		return now
	}
	newSoft, newHard, _ := strings.Cut(value, ":")
	var ourSoft, ourHard bool
	for _, o := range ours {
		oSoft, oHard, _ := strings.Cut(o, ":")
		ourSoft, ourHard = ourSoft || oSoft == soft, ourHard || oHard == hard
	}
	if ourSoft {
		soft = newSoft
	}
	if ourHard {
		hard = newHard
	}
	if Strictness(soft) > Strictness(hard) {
		soft = hard
	}
	return soft + ":" + hard
}

// laxer says whether a value allows more than another.
func laxer(a, b string) bool {
	_, hardA, _ := strings.Cut(a, ":")
	_, hardB, _ := strings.Cut(b, ":")
	return Strictness(a) > Strictness(b) || Strictness(hardA) > Strictness(hardB)
}

// Files are limits of open files that allow n, for a process that has others: the soft
// and the hard one, so that a program which raises the soft one gains nothing. Where
// this process could not give the hard limit back, it stays.
func Files(n int, others string) string {
	if hard := others[strings.Index(others, ":")+1:]; !mayRaise() {
		return fmt.Sprintf("%d:%s", n, hard)
	}
	return fmt.Sprintf("%d:%d", n, n)
}
