package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/labs"
)

func newStop() *cobra.Command {
	var all, asJSON bool
	var id string
	cmd := &cobra.Command{
		Use:   "stop [ID]",
		Short: "Remove a lab: containers, networks, volumes, faults",
		Long: `Remove everything of a lab: containers, networks, volumes and faults. Without an id
the only lab there is; with --all every lab on this engine, half-started and
half-removed ones too. Images stay; see faultlab doctor.`,
		Example: "  faultlab stop\n  faultlab stop team1\n  faultlab stop --all",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && id != "" {
				return &labs.Problem{Message: "stop takes one id at most", Remedy: "faultlab stop ID for each, or faultlab stop --all"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				if id != "" {
					args = []string{id}
				}
				ids, err := labs.ToStop(ctx, e, args, all)
				if err != nil {
					return err
				}
				stopped := []stoppedLab{}
				var errs []error
				for _, id := range ids {
					n := 0
					err := labs.Remove(ctx, e, id, func(what string) {
						n++
						fmt.Fprintf(cmd.ErrOrStderr(), "removed %s\n", what)
					})
					if errs = append(errs, err); err != nil {
						continue
					}
					if stopped = append(stopped, stoppedLab{id, n}); !asJSON {
						fmt.Fprintf(cmd.OutOrStdout(), "Lab %s is gone (%d objects removed).\n", id, n)
					}
				}
				switch {
				case asJSON:
					errs = append(errs, printJSON(cmd, stopped))
				case len(ids) == 0:
					fmt.Fprintln(cmd.OutOrStdout(), "There is no lab.")
				}
				return errors.Join(errs...)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "every lab on this engine")
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// stoppedLab is an element of what stop --json prints.
type stoppedLab struct {
	ID      string `json:"id"`
	Removed int    `json:"removed"` // containers, networks and volumes
}
