package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"faultlab/labs"
)

func newReport() *cobra.Command {
	var id, file string
	var asJSON, answers bool
	cmd := &cobra.Command{
		Use:   "report",
		Short: "The debrief: what happened, what was graded and why",
		Long: `Write the report in Markdown. What it was is told when the grade has passed, or with
--answers, which is kept on record.`,
		Example: "  faultlab report -o report.md\n  faultlab report --answers",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				r, err := l.Report(ctx, answers)
				if err != nil {
					return err
				}
				switch {
				case asJSON:
					return printJSON(cmd, r)
				case file == "":
					fmt.Fprint(cmd.OutOrStdout(), r.Markdown)
					return nil
				}
				if err := os.WriteFile(file, []byte(r.Markdown), 0o644); err != nil {
					return &labs.Problem{Message: "write the report: " + err.Error(), Remedy: "choose a file that can be written with -o, or leave it out to print"}
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "report written to %s\n", file)
				return nil
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to a file")
	cmd.Flags().BoolVar(&answers, "answers", false, "tell what it was, even if nothing has passed")
	return cmd
}
