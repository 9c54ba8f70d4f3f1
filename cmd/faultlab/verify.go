package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/grade"
)

func newVerify() *cobra.Command {
	var o labs.VerifyOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify [LAB[/VARIANT]...]",
		Short: "Put labs to the test: doing nothing, every wrong and every right fix",
		Long: `Play doing nothing, every wrong fix and every right fix of labs, each in a fresh lab,
and tell whether each was graded as it must be: nothing and wrong fixes fail, the
latter at a check that was named for them, right fixes pass. Exit code 1 if one
was not, 2 if none was but some could not be played or graded.`,
		Example: `  faultlab verify 3a/catalog-memo --only noop,restart,roll-back
  faultlab verify 3a 2b --pace fast --rounds 2 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Labs = args
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				s := newShower(cmd.ErrOrStderr())
				v, err := labs.Verify(ctx, e, o, s.show, func(l labs.VerifiedLab) {
					s.close(nil)
					a := l.Attempts[0]
					fmt.Fprintf(cmd.ErrOrStderr(), "%s %s/%s %s %s: want %s, got %s %s (%.0f s) %s\n",
						mark(a.OK), l.ID, l.Variant, a.Kind, a.Name, a.Want, a.Got, a.CaughtBy, a.Seconds, a.Error)
				})
				s.close(err)
				if err != nil {
					return err
				}
				if asJSON {
					err = printJSON(cmd, v)
				} else {
					err = printVerified(cmd, v)
				}
				switch {
				case err != nil:
					return err
				case v.Verdict == grade.Fail:
					return failed
				}
				return v.Unchecked()
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&o.Pace, "pace", "fast", "real or fast")
	cmd.Flags().IntVar(&o.Parallel, "parallel", 0, "labs at a time (default: one for each of the engine's processors)")
	cmd.Flags().IntVar(&o.Rounds, "rounds", 1, "how often everything is played")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 0, "seed of every lab (default: random)")
	cmd.Flags().StringSliceVar(&o.Only, "only", nil, "only these attempts: noop, or names of fixes")
	cmd.Flags().StringVar(&o.Evidence, "evidence", "", "folder for the reports of attempts that went otherwise than wanted")
	return cmd
}

func mark(ok bool) string {
	if ok {
		return "ok  "
	}
	return "FAIL"
}

func printVerified(cmd *cobra.Command, v *labs.Verified) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tLAB\tVARIANT\tKIND\tATTEMPT\tWANT\tGOT\tCAUGHT BY\tSECONDS")
	n, bad := 0, 0
	for _, l := range v.Labs {
		for _, a := range l.Attempts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\n", mark(a.OK), l.ID, l.Variant, a.Kind, a.Name, a.Want, a.Got, a.CaughtBy, a.Seconds)
			if n++; !a.OK {
				bad++
			}
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d attempts, %d otherwise than wanted\n", n, bad)
	return nil
}
