package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/control"
)

// The verbs here are run inside containers by the others.

func newControl() *cobra.Command {
	return &cobra.Command{
		Use: "control", Short: "Own one lab (run in its container)", Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := control.OwnConfig()
			if err != nil {
				return &labs.Problem{Message: "control runs in a lab's own container only", Remedy: "faultlab start s3 starts a lab"}
			}
			return control.Serve(cmd.Context(), cfg, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
		},
	}
}

func newAgent() *cobra.Command {
	return &cobra.Command{
		Use: "agent", Short: "Carry faults into containers (run privileged, spoken to on stdin)", Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return agent.Serve(cmd.Context(), os.Stdin, os.Stdout)
		},
	}
}

func newSweep() *cobra.Command {
	return &cobra.Command{
		Use: "sweep ID", Short: "Remove a lab from inside a container", Hidden: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &labs.Problem{Message: "sweep wants the id of one lab", Remedy: "faultlab stop ID removes a lab"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				self, err := os.Hostname() // the engine names containers' hosts after their ids
				if err != nil {
					return err
				}
				me, err := e.Inspect(ctx, self)
				if err != nil {
					return err
				}
				return control.Remove(ctx, e, args[0], me.ID, nil)
			})
		},
	}
}
