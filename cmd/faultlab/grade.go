package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/labs"
	"faultlab/labs/grade"
)

func newGrade() *cobra.Command {
	var id string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "grade",
		Short: "Prove the fix and judge the diagnosis; exit code 0 if both pass, 1 if not",
		Long: `Make every proof of the lab: what users get, whether a restart from the declared
configuration survives, whether the cause is gone. It disturbs the system while it
measures, and can be asked for again after more work. Half a minute at fast pace,
about two minutes at real pace.`,
		Example: "  faultlab grade\n  faultlab grade --json | jq '.checks[] | select(.verdict != \"pass\")'",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				s := newShower(cmd.ErrOrStderr())
				g, err := l.Grade(ctx, s.show)
				s.close(err)
				if err != nil {
					return err
				}
				if asJSON {
					err = printJSON(cmd, g)
				} else {
					err = printGrade(cmd, g)
				}
				if err == nil && g.Fix.Verdict == grade.Unknown {
					return &labs.Problem{Message: "not every proof could be made", Remedy: "the checks say why; grade again when that is mended"}
				}
				if err == nil && !g.Passed {
					return failed
				}
				return err
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func printGrade(cmd *cobra.Command, g *grade.Grade) error {
	out := cmd.OutOrStdout()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROOF\tCHECK\tVERDICT\tMEASURED")
	for _, c := range g.Checks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Proof, c.ID, c.Verdict, c.Measured)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, p := range []struct {
		name string
		part grade.Part
	}{{"Diagnosis", g.Diagnosis}, {"Fix", g.Fix}} {
		fmt.Fprintf(out, "\n%s: %s, %d of %d points\n", p.name, p.part.Verdict, p.part.Points, p.part.Of)
		for _, why := range p.part.Why {
			fmt.Fprintf(out, "  %s\n", why)
		}
	}
	fmt.Fprintf(out, "\nScore %d of 100. Seconds since breaking: detected %s, mitigated %s, fixed %s.\n",
		g.Score, clock(g.Clocks.Detect), clock(g.Clocks.Mitigate), clock(g.Clocks.Fix))
	return nil
}

func clock(v *float64) string {
	if v == nil {
		return "not yet"
	}
	return fmt.Sprintf("%.0f", *v)
}
