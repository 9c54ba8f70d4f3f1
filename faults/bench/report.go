package main

import (
	"fmt"
	"io"
	"strings"
)

// verdict says whether a figure is as good as it is meant to be.
type verdict string

const (
	met     verdict = "met"
	missed  verdict = "**missed**"
	unknown verdict = "not measured"
)

func judge(ok bool) verdict {
	if ok {
		return met
	}
	return missed
}

// figure is one line of the table of targets.
type figure struct {
	target int
	what   string
	got    string
	verdict
}

// targets are what the library is meant to reach, by number.
var targets = []string{
	1: "injected, by a resident agent, within 25 ms (median) and 150 ms (p99); with a cold one within 500 ms",
	2: "proved before it is called active: within 1 s, or 3 s for losses below 5 %; never wrongly",
	3: "delays of 1 to 1,000 ms are off by at most 1 ms (median) and 3 ms (p99), also for a TCP connect",
	4: "losses of 20,000 inside the 99.9 % binomial band; exact counts within 0.1 point, and the same for the same seed",
	5: "costs nothing when idle; where it is active at most 100 us of round trip (median), and 800 MB/s and 20,000 packets/s pass",
	6: "after kill -9 of the agent the effect is gone within 2 s, of the runner within 5 s, and everything within 10 s",
	7: "after a restart or an OOM kill of the target it is back and proved within 1 s, or ended on the record",
	8: "of 10,000 packets of others none is lost, and their round trip changes by at most 0.1 ms",
}

// report gathers what was measured.
type report struct {
	facts   []string
	figures []figure
	parts   []string // Markdown, one for each thing measured
}

func (r *report) figure(target int, what string, v verdict, got string, args ...any) {
	r.figures = append(r.figures, figure{target, what, fmt.Sprintf(got, args...), v})
}

// table adds a part: a title, what is to be known to read it, and rows of which the first is the head.
func (r *report) table(title, note string, rows ...[]string) {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", title)
	if note != "" {
		fmt.Fprintf(&b, "%s\n\n", note)
	}
	for i, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat("---|", len(row)))
		}
	}
	r.parts = append(r.parts, b.String())
}

// write prints everything: the machine, the targets with the figures, then the parts.
func (r *report) write(w io.Writer) {
	fmt.Fprintf(w, "## The fault library, measured\n\n")
	for _, f := range r.facts {
		fmt.Fprintf(w, "- %s\n", f)
	}
	fmt.Fprintf(w, "\n| # | wanted | measured | figure | |\n|---|---|---|---|---|\n")
	for n, want := range targets {
		if want == "" {
			continue
		}
		seen := false
		for _, f := range r.figures {
			if f.target != n {
				continue
			}
			if seen {
				want = ""
			}
			fmt.Fprintf(w, "| %d | %s | %s | %s | %s |\n", n, want, f.what, f.got, f.verdict)
			seen = true
		}
		if !seen {
			fmt.Fprintf(w, "| %d | %s | | | %s |\n", n, want, unknown)
		}
	}
	for _, p := range r.parts {
		fmt.Fprintf(w, "\n%s", p)
	}
}
