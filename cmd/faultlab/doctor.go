package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/labs"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Tell what this machine can do, what is missing, and the remedy",
		Example: "  faultlab doctor\n  faultlab doctor --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h := labs.Doctor(cmd.Context())
			var err error
			if asJSON {
				err = printJSON(cmd, h)
			} else {
				err = printHealth(cmd, h)
			}
			if err == nil && !h.OK {
				return lacking(h)
			}
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// lacking names what is missing, with the remedy for the first of it.
func lacking(h labs.Health) error {
	var names []string
	remedy := "faultlab doctor tells the remedy"
	for _, c := range h.Checks {
		if c.OK || c.Optional {
			continue
		}
		if len(names) == 0 && c.Remedy != "" {
			remedy = c.Remedy
		}
		names = append(names, c.Name)
	}
	return &labs.Problem{Message: "not everything is there: " + strings.Join(names, ", "), Remedy: remedy}
}

func printHealth(cmd *cobra.Command, h labs.Health) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, c := range h.Checks {
		state := "ok"
		switch {
		case !c.OK && c.Optional:
			state = "-"
		case !c.OK:
			state = "MISSING"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", state, c.Name, c.Detail)
		if !c.OK && c.Remedy != "" {
			fmt.Fprintf(w, "\t\tremedy: %s\n", c.Remedy)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if h.NetworkBackend != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "\nNetwork faults use the back-end %s.\n", h.NetworkBackend)
	}
	if h.OK {
		fmt.Fprintln(cmd.OutOrStdout(), "Everything is there. Next: faultlab start s3")
	}
	return nil
}
