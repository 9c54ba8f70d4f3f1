package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/labs"
)

func newList() *cobra.Command {
	var asJSON, byLab bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the scenarios; with --labs the labs behind them (for facilitators: titles tell the cause)",
		Example: `  faultlab list
  faultlab list --labs --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			if byLab {
				all, err := labs.Catalog()
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, all)
				}
				fmt.Fprintln(w, "LAB\tSCENARIO\tDIFFICULTY\tMINUTES\tVARIANTS\tTITLE")
				for _, l := range all {
					fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\n", l.ID, l.Scenario, l.Difficulty, l.Minutes, l.Variants, l.Title)
				}
				return w.Flush()
			}
			all, err := labs.Scenarios()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd, all)
			}
			fmt.Fprintln(w, "SCENARIO\tLABS\tTHE PAGE SAYS")
			for _, s := range all {
				fmt.Fprintf(w, "%s\t%d\t%s\n", s.ID, s.Labs, s.Symptom)
			}
			fmt.Fprintln(w, "\nfaultlab start s3 starts one; a scenario without labs cannot be started yet.")
			return w.Flush()
		},
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&byLab, "labs", false, "list labs with their causes")
	return cmd
}
