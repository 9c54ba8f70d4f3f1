package main

import (
	"time"

	"faultlab/targets/traffic"

	"github.com/spf13/cobra"
)

func newProbe() *cobra.Command {
	var host string
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "probe URL",
		Short: "Send one request and print what came of it as JSON",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := traffic.SendProbe(cmd.Context(), args[0], host, timeout)
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), p)
		},
	}
	cmd.Flags().StringVar(&host, "host", "", "`name` to ask for, when it is not the one in URL")
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "give up after this time")
	return cmd
}
