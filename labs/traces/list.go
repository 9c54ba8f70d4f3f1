package traces

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"faultlab/targets/collector"
)

// Term is where something is shown.
type Term struct {
	Width int            // columns; 0: it is no terminal, and what is shown is plain
	Zone  *time.Location // of times; nil: UTC
}

func (t Term) time(at time.Time, layout string) string {
	if t.Zone == nil {
		return at.UTC().Format(layout)
	}
	return at.In(t.Zone).Format(layout)
}

// PrintList shows traces, a line each, and how many there are.
func PrintList(out io.Writer, t Term, l collector.List) error {
	if l.Kept == 0 {
		_, err := fmt.Fprintln(out, "No trace is kept yet; services send them every two seconds.")
		return err
	}
	if len(l.Traces) > 0 {
		w := tabwriter.NewWriter(t.cutter(out), 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "TIME\tTRACE\tSITE\tROUTE\tSTATUS\tMS\tSTEPS\tFAILED")
		for _, s := range l.Traces {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%.1f\t%d\t%s\n", t.time(s.Start, "15:04:05.000"), s.ID, or(s.Site), or(s.Route), or(s.Status), s.Millis, s.Steps, plain(s.Error))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	since := ""
	if !l.Since.IsZero() {
		since = ", the oldest of " + t.time(l.Since, "15:04:05")
	}
	_, err := fmt.Fprintf(out, "%d shown of %d that match; %d traces are kept%s, and %d of them still come in.\n", len(l.Traces), l.Matched, l.Kept, since, l.Coming)
	return err
}

func or(s string) string {
	if s == "" {
		return "-"
	}
	return plain(s)
}

// plain takes out what would move a terminal's cursor or change its colours: anybody in
// the shop's network can send a span.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
}

// cutter cuts lines at the terminal's width.
func (t Term) cutter(out io.Writer) io.Writer {
	if t.Width == 0 {
		return out
	}
	return &lineCutter{out: out, width: t.Width}
}

type lineCutter struct {
	out   io.Writer
	width int
	line  []byte
}

func (c *lineCutter) Write(p []byte) (int, error) {
	for i, b := range p {
		if b != '\n' {
			c.line = append(c.line, b)
			continue
		}
		line := strings.TrimRight(fit(string(c.line), c.width), " ")
		c.line = c.line[:0]
		if _, err := io.WriteString(c.out, line+"\n"); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// fit cuts a line to the terminal's width.
func (t Term) fit(line string) string {
	if t.Width == 0 {
		return line
	}
	return fit(line, t.Width)
}

// fit cuts a text to a number of columns.
func fit(s string, columns int) string {
	r := []rune(s)
	if len(r) <= columns {
		return s
	}
	return string(r[:max(0, columns-1)]) + "~"
}
