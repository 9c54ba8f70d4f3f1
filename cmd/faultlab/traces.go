package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"faultlab/labs"
	"faultlab/labs/traces"
)

func newTraces() *cobra.Command {
	var id string
	var asJSON bool
	var q traces.Query
	cmd := &cobra.Command{
		Use:   "traces [ID]",
		Short: "What requests were made of: the latest ones, the slowest, those that failed",
		Long: `List the requests that the services have reported, the latest first. Failed and slow
ones are kept for longer than others. Inside the bastion: traces.`,
		Example: `  faultlab traces --slow --region eu
  faultlab traces --errors --route checkout
  faultlab traces --service catalog-us-a --min-ms 100 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &labs.Problem{Message: fmt.Sprintf("traces takes the id of one lab; got %q", args), Remedy: "faultlab traces --help"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := traces.Check(q); err != nil {
				return &labs.Problem{Message: err.Error(), Remedy: "faultlab traces --help"}
			}
			lab, err := labArg(id, args)
			if err != nil {
				return err
			}
			return withLab(cmd, lab, func(ctx context.Context, l *labs.Lab) error {
				list, err := l.Traces(ctx, q)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, list)
				}
				return traces.PrintList(cmd.OutOrStdout(), terminal(cmd.OutOrStdout()), list)
			})
		},
	}
	fs := flag.NewFlagSet("traces", flag.ContinueOnError)
	traces.Flags(fs, &q)
	cmd.Flags().AddGoFlagSet(fs)
	cmd.Flags().SortFlags = false
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newTrace() *cobra.Command {
	var id string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "trace [ID] TRACE_ID",
		Short: "One request as a waterfall: what was done for it, where, when, for how long",
		Long: `Show one trace: a line for each step, under the step that it is part of. The trace's
id is in the edge's log, in the services' logs, and in the database's log beside what
it tells of; its first digits are enough. Inside the bastion: trace.`,
		Example: `  faultlab trace 4bf92f35
  faultlab trace team1 4bf92f3577b34da6a3ce929d0e0e4736 --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return &labs.Problem{Message: "trace wants the id of one trace", Remedy: "faultlab traces lists them; faultlab trace 4bf92f35"}
			}
			if err := traces.CheckID(args[len(args)-1]); err != nil {
				return &labs.Problem{Message: err.Error(), Remedy: "faultlab traces lists them"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			lab, err := labArg(id, args[:len(args)-1])
			if err != nil {
				return err
			}
			return withLab(cmd, lab, func(ctx context.Context, l *labs.Lab) error {
				t, err := l.Trace(ctx, args[len(args)-1])
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, t)
				}
				return traces.PrintTrace(cmd.OutOrStdout(), terminal(cmd.OutOrStdout()), t)
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// labArg is the lab that a verb's argument or its flag --id names.
func labArg(flag string, args []string) (string, error) {
	switch {
	case len(args) == 0:
		return flag, nil
	case flag != "":
		return "", &labs.Problem{Message: "the lab is named twice", Remedy: "name it as an argument, or with --id"}
	}
	return args[0], nil
}

// terminal says where something is printed: as wide as the terminal, or plainly.
func terminal(out io.Writer) traces.Term {
	t := traces.Term{Zone: time.Local}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			t.Width = width
		}
	}
	return t
}
