package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"faultlab/targets/pager"
)

func newPager() *cobra.Command {
	var c pager.Config
	cmd := &cobra.Command{
		Use:   "pager",
		Short: "Take what Alertmanager sends, and keep it until it is fetched",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return pager.Serve(cmd.Context(), c, slog.New(slog.NewJSONHandler(os.Stdout, nil)))
		},
	}
	cmd.Flags().StringVar(&c.Listen, "listen", ":9094", "`host:port` for Alertmanager's calls")
	cmd.Flags().StringVar(&c.Socket, "socket", "/run/pager/pager.sock", "unix `socket` for questions")
	cmd.Flags().StringVar(&c.Prometheus, "prometheus", "http://prometheus:9090", "the `URL` of Prometheus")
	cmd.Flags().StringVar(&c.Alertmanager, "alertmanager", "http://alertmanager:9093", "the `URL` of Alertmanager")
	return cmd
}
