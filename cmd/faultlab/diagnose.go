package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/labs"
	"faultlab/labs/grade"
)

func newDiagnose() *cobra.Command {
	var id string
	var asJSON, terms bool
	var d grade.Diagnosis
	cmd := &cobra.Command{
		Use:   "diagnose --component C --mechanism M --trigger T --scope S",
		Short: "Say what it was: component, mechanism, trigger, scope",
		Long: `File the diagnosis. Each field takes one or more values of its list (--terms shows
the lists); wrong extra answers cost points. A later diagnosis replaces an earlier one.`,
		Example: `  faultlab diagnose --terms
  faultlab diagnose --component db --mechanism lock-contention --trigger schedule --scope all`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if terms {
				return printTerms(cmd, asJSON)
			}
			if err := d.Validate(); err != nil {
				return err
			}
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				if err := l.Diagnose(ctx, d); err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, d)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "Filed: component %s; mechanism %s; trigger %s; scope %s. It is judged by faultlab grade.\n",
					strings.Join(d.Component, ", "), strings.Join(d.Mechanism, ", "), strings.Join(d.Trigger, ", "), strings.Join(d.Scope, ", "))
				return nil
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&terms, "terms", false, "list the values that each field takes")
	cmd.Flags().StringSliceVar(&d.Component, "component", nil, "the part at fault")
	cmd.Flags().StringSliceVar(&d.Mechanism, "mechanism", nil, "how it breaks")
	cmd.Flags().StringSliceVar(&d.Trigger, "trigger", nil, "what set it off")
	cmd.Flags().StringSliceVar(&d.Scope, "scope", nil, "who is hurt")
	return cmd
}

func printTerms(cmd *cobra.Command, asJSON bool) error {
	if asJSON {
		return printJSON(cmd, grade.Fields)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, f := range []string{"component", "mechanism", "trigger", "scope"} {
		fmt.Fprintf(w, "--%s\n", f)
		for _, t := range grade.Fields[f] {
			fmt.Fprintf(w, "  %s\t%s\n", t.Name, t.Doc)
		}
	}
	return w.Flush()
}
