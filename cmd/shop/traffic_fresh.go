package main

import (
	"time"

	"faultlab/targets/traffic"

	"github.com/spf13/cobra"
)

func newTrafficFresh() *cobra.Command {
	var f traffic.Fresh
	cmd := &cobra.Command{
		Use:   "fresh",
		Short: "Send searches that nobody has sent before and print what came of them as JSON",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			got, err := traffic.SendFresh(cmd.Context(), f)
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), got)
		},
	}
	cmd.Flags().StringVar(&f.Edge, "edge", "", "`host:port` where users enter")
	cmd.Flags().IntVar(&f.Count, "count", 24, "how many")
	cmd.Flags().DurationVar(&f.Every, "every", 250*time.Millisecond, "from one to the next")
	cmd.Flags().DurationVar(&f.Timeout, "timeout", 3*time.Second, "a user's patience")
	cmd.Flags().Uint64Var(&f.Seed, "seed", 1, "the same seed sends the same searches")
	return cmd
}
