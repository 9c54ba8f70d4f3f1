package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/labs"
)

func newPs() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ps",
		Short:   "List the labs on this engine",
		Example: "  faultlab ps\n  faultlab ps --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				all, err := labs.List(ctx, e)
				if err != nil {
					return err
				}
				if asJSON {
					if all == nil {
						all = []labs.Running{}
					}
					return printJSON(cmd, all)
				}
				if len(all) == 0 {
					fmt.Fprintln(cmd.OutOrStdout(), "No lab is running. Start one: faultlab start s3")
					return nil
				}
				w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "ID\tSCENARIO\tSTATE\tCONTAINERS\tSTARTED\tUNTIL")
				for _, l := range all {
					started, until := "-", "-"
					if !l.StartedAt.IsZero() {
						started, until = l.StartedAt.Local().Format("15:04:05"), l.ExpiresAt.Local().Format("15:04:05")
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.Scenario, l.State, l.Objects, started, until)
				}
				return w.Flush()
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
