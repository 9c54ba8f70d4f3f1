package guesttest

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// begun is a line that says which test those that follow are of, until the next such line.
	begun = regexp.MustCompile(`^=== (?:RUN|NAME|CONT) +(\S+)`)
	ended = regexp.MustCompile(`^ *--- (PASS|FAIL|SKIP): (\S+)`)
)

// failures gives what a run of tests, with -test.v, said about the innermost of those that
// failed: each with what it logged, and in the last line the names of all. Where none had
// failed when the run broke off it gives the last that had begun.
func failures(output string) string {
	logs := map[string][]string{}
	var failed []string
	at := ""
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\n")
		if m := begun.FindStringSubmatch(line); m != nil {
			at = m[1]
		} else if m := ended.FindStringSubmatch(line); m != nil {
			if m[1] == "FAIL" {
				failed = append(failed, m[2])
			}
		} else if strings.HasPrefix(line, "    ") {
			logs[at] = append(logs[at], line)
		}
	}
	inner := slices.DeleteFunc(slices.Clone(failed), func(name string) bool {
		return slices.ContainsFunc(failed, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
	switch {
	case len(inner) == 0 && at == "":
		return "no test had begun"
	case len(inner) == 0:
		return "no test had failed; the last that had begun: " + at
	}
	var b strings.Builder
	for _, name := range inner {
		b.WriteString(name + "\n" + strings.Join(append(logs[name], ""), "\n"))
	}
	return b.String() + "failed in the guest: " + strings.Join(inner, ", ")
}
