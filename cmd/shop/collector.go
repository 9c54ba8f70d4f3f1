package main

import (
	"log/slog"

	"github.com/spf13/cobra"

	"faultlab/targets/collector"
)

func newCollector() *cobra.Command {
	var c collector.Config
	var mib int
	cmd := &cobra.Command{
		Use:   "collector",
		Short: "Take the services' spans, keep the latest traces, answer for them on a socket",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Bytes = mib << 20
			return collector.Serve(cmd.Context(), c, slog.New(slog.NewJSONHandler(cmd.OutOrStdout(), nil)))
		},
	}
	cmd.Flags().StringVar(&c.Listen, "listen", ":4318", "`host:port` for OTLP/HTTP")
	cmd.Flags().StringVar(&c.Socket, "socket", "/run/traces/collector.sock", "unix `socket` for questions")
	cmd.Flags().IntVar(&mib, "keep", 12, "memory for traces, in `MiB`")
	return cmd
}
