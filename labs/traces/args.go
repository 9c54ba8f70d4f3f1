// Package traces shows what requests were made of: lists of traces, and one trace as a
// waterfall. The command and the bastion show the same, from the same arguments.
package traces

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"regexp"
	"strings"

	"faultlab/targets/collector"
)

// Query chooses traces.
type Query = collector.Query

// shown is how many traces are listed unless told otherwise.
const shown = 20

// Flags adds the flags of a list of traces.
func Flags(fs *flag.FlagSet, q *collector.Query) {
	fs.BoolVar(&q.Slow, "slow", false, "the slowest first, not the latest")
	fs.BoolVar(&q.Errors, "errors", false, "only those in which a step failed")
	fs.StringVar(&q.Region, "region", "", "only requests to this `site` of the users: us, eu or ap")
	fs.StringVar(&q.Route, "route", "", "only this `page`: home, search, product or checkout")
	fs.StringVar(&q.Service, "service", "", "only those in which this `service` had a part: catalog, or catalog-us-a")
	fs.Float64Var(&q.MinMS, "min-ms", 0, "only those that took at least so many `milliseconds`")
	fs.IntVar(&q.Limit, "limit", shown, "how `many` are listed at most; 0: all")
}

// Check says what is wrong with a query.
func Check(q collector.Query) error {
	switch {
	case q.MinMS < 0:
		return fmt.Errorf("min-ms is %v; want 0 or more", q.MinMS)
	case q.Limit < 0:
		return fmt.Errorf("limit is %d; want 0 (all) or more", q.Limit)
	}
	return nil
}

// Request is what the bastion asks for: a command line, and the terminal it is for.
type Request struct {
	Command string   `json:"command"` // traces or trace
	Args    []string `json:"args"`
	Width   int      `json:"width"` // columns; 0: not a terminal
}

// Asked is what a command line asks for: a list (trace is ""), or one trace.
type Asked struct {
	Query collector.Query
	Trace string // the beginning of an id
	JSON  bool
	Help  string // that was asked for; then nothing else is set
}

// UsageError says how a command line is written.
type UsageError struct{ Text string }

func (e *UsageError) Error() string { return e.Text }

// Parse reads a command line of the bastion.
func Parse(r Request) (Asked, error) {
	var a Asked
	var said bytes.Buffer
	fs := flag.NewFlagSet(r.Command, flag.ContinueOnError)
	fs.SetOutput(&said)
	fs.BoolVar(&a.JSON, "json", false, "print JSON")
	usage := ""
	switch r.Command {
	case "traces":
		Flags(fs, &a.Query)
		usage = "usage: traces [--slow] [--errors] [--region R] [--route R] [--service S] [--min-ms N] [--limit N] [--json]"
	case "trace":
		usage = "usage: trace TRACE_ID [--json]   (its first digits are enough; traces lists them)"
	default:
		return a, &UsageError{fmt.Sprintf("there is no command %q; want traces or trace", r.Command)}
	}
	fs.Usage = func() { fmt.Fprintln(&said, usage); fs.PrintDefaults() }
	var words []string
	args := r.Args
	for { // flags may come after words
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return Asked{Help: said.String()}, nil
		}
		if err != nil {
			return a, &UsageError{strings.TrimSpace(said.String())}
		}
		if fs.NArg() == 0 {
			break
		}
		words, args = append(words, fs.Arg(0)), fs.Args()[1:]
	}
	if err := Check(a.Query); err != nil {
		return a, &UsageError{err.Error()}
	}
	if r.Command == "traces" && len(words) > 0 || r.Command == "trace" && len(words) != 1 {
		return a, &UsageError{usage}
	}
	if r.Command == "trace" {
		a.Trace = words[0]
		if err := CheckID(a.Trace); err != nil {
			return a, &UsageError{err.Error()}
		}
	}
	return a, nil
}

var hexDigits = regexp.MustCompile(`^[0-9a-fA-F]{4,32}$`)

// CheckID says whether a text can be the beginning of a trace's id.
func CheckID(id string) error {
	if !hexDigits.MatchString(id) {
		return errors.New("a trace's id is 32 hex digits, of which the first 4 or more are enough")
	}
	return nil
}
