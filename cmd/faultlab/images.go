package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/labs"
)

func newImages() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "images",
		Short: "Make the images now, rather than at the first start",
		Long: `Make the images that labs run from, so that the first start does not have to: the
faultlab command's own, and those of the shop. What is there is not made again.`,
		Example: "  faultlab images\n  faultlab images --json",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				s := newShower(cmd.ErrOrStderr())
				made, err := labs.MakeImages(ctx, e, s.show)
				s.close(err)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, made)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "The images are there: %s, and %s/... of the shop.\n", made.Control, made.Registry)
				return err
			})
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}
