package traces

import (
	"fmt"
	"io"
	"strings"
	"time"

	"faultlab/targets/collector"
)

// Columns of a waterfall.
const (
	plainWidth = 110 // where there is no terminal
	leastBar   = 12  // narrower bars tell nothing and are left out
	longName   = 44  // of a step, with its indentation
	longWho    = 24  // of a service, its zone and its release
)

// PrintTrace shows a trace as a waterfall: a line for each step, under the step that it
// is part of, with a bar that says when it was; then what is known of the request and
// why steps failed.
func PrintTrace(out io.Writer, t Term, trace collector.Trace) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Trace %s, %s UTC: %s of site %s", trace.ID, trace.Start.UTC().Format("15:04:05.000"), or(trace.Route), or(trace.Site))
	for _, x := range []struct{ name, value string }{{"tenant", trace.Tenant}, {"app", trace.Version}, {"cohort", trace.Cohort}} {
		if x.value != "" {
			fmt.Fprintf(&b, ", %s %s", x.name, plain(x.value))
		}
	}
	fmt.Fprintf(&b, "; status %s after %s ms.\n\n", or(trace.Status), millis(time.Duration(trace.Millis*1e6)))
	steps := ordered(trace)
	who, name := len("WHO"), len("STEP")
	for _, s := range steps {
		who = max(who, min(longWho, len([]rune(s.who()))))
		name = max(name, min(longName, len([]rune(s.title()))))
	}
	width := t.Width
	if width == 0 {
		width = plainWidth
	}
	bar := width - who - name - len("  12345.6  ") - 4
	if bar < leastBar {
		bar = 0
	}
	head := fmt.Sprintf("%-*s  %-*s  %9s", who, "WHO", name, "STEP", "MS")
	if bar > 0 {
		head += "  " + scale(trace.Millis, bar)
	}
	b.WriteString(t.fit(strings.TrimRight(head, " ")) + "\n")
	for _, s := range steps {
		line := fmt.Sprintf("%s  %s  %9s", pad(s.who(), who), pad(s.title(), name), millis(s.Duration))
		if bar > 0 {
			line += "  " + s.bar(trace, bar, t.Width > 0)
		}
		line = t.fit(strings.TrimRight(line, " "))
		if s.Failed && t.Width > 0 {
			line = "\x1b[31m" + line + "\x1b[0m"
		}
		b.WriteString(line + "\n")
	}
	if trace.Left > 0 {
		fmt.Fprintf(&b, "%d further steps were too many to keep.\n", trace.Left)
	}
	notes(&b, t, steps)
	_, err := io.WriteString(out, b.String())
	return err
}

// step is a span at its place in the tree.
type step struct {
	collector.Span
	depth int
}

// who is the process: "catalog us-a 2.13.1".
func (s step) who() string { return plain(s.Process.Name() + " " + s.Process.Release) }

func (s step) title() string {
	mark := ""
	if s.Failed {
		mark = "! "
	}
	return strings.Repeat("  ", s.depth) + mark + plain(s.Name)
}

// ordered are the spans of a trace as they are shown: each after the one that it is part
// of. Those whose parent is not there stand at the left, as do those that are each other's
// parents.
func ordered(t collector.Trace) []step {
	at := map[collector.SpanID]int{}
	for i, s := range t.Spans {
		if _, twice := at[s.ID]; !twice {
			at[s.ID] = i
		}
	}
	children := map[int][]int{}
	var roots []int
	for i, s := range t.Spans {
		if p, ok := at[s.Parent]; ok && p != i {
			children[p] = append(children[p], i)
		} else {
			roots = append(roots, i)
		}
	}
	var out []step
	done := make([]bool, len(t.Spans))
	var walk func(i, depth int)
	walk = func(i, depth int) {
		if done[i] {
			return
		}
		done[i] = true
		out = append(out, step{t.Spans[i], depth})
		for _, c := range children[i] {
			walk(c, depth+1)
		}
	}
	for _, i := range roots {
		walk(i, 0)
	}
	for i := range t.Spans {
		walk(i, 0)
	}
	return out
}

// bar is when a step was, in columns of the whole trace.
func (s step) bar(t collector.Trace, columns int, terminal bool) string {
	whole := time.Duration(t.Millis * 1e6)
	if begins := s.Start.Sub(t.Start); begins > whole { // of a message that came of the request
		return fmt.Sprintf("%*s", columns, "at "+millis(begins)+" >")
	}
	from, to := 0, columns
	if whole > 0 {
		column := func(d time.Duration) int {
			return int(min(max(0, float64(d)/float64(whole)), 1) * float64(columns))
		}
		from = min(column(s.Start.Sub(t.Start)), columns-1)
		to = max(from+1, column(s.Start.Add(s.Duration).Sub(t.Start)))
	}
	mark := "="
	if terminal {
		mark = "━"
	}
	if s.Failed {
		mark = "x"
	}
	return strings.Repeat(" ", from) + strings.Repeat(mark, to-from)
}

// scale is the head of the bars: the begin, and the end in milliseconds.
func scale(ms float64, columns int) string {
	end := millis(time.Duration(ms * 1e6))
	return "0" + strings.Repeat(" ", max(1, columns-1-len(end))) + end
}

// notes tells of each failed step why, and of connecting, and the statements.
func notes(b *strings.Builder, t Term, steps []step) {
	first := true
	note := func(s step, text string) {
		if first {
			b.WriteString("\n")
			first = false
		}
		line := fmt.Sprintf("%s, %s: %s", s.who(), plain(s.Name), plain(text))
		b.WriteString(t.fit(line) + "\n")
	}
	for _, s := range steps {
		if s.Failed {
			note(s, strings.TrimSuffix(fmt.Sprintf("failed (%s): %s", or(s.Get("error.type")), s.Message), ": "))
		}
		for _, e := range s.Events {
			if e.Name != "exception" {
				note(s, fmt.Sprintf("after %s ms: %s", millis(e.At.Sub(s.Start)), e.Name))
			}
		}
		if q := s.Get("db.query.text"); q != "" && s.Duration >= slowStatement {
			note(s, q)
		}
	}
}

// slowStatement is from where on the text of a statement is shown.
const slowStatement = 50 * time.Millisecond

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

func pad(s string, columns int) string {
	s = fit(s, columns)
	return s + strings.Repeat(" ", max(0, columns-len([]rune(s))))
}
