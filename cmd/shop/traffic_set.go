package main

import (
	"faultlab/targets/traffic"

	"github.com/spf13/cobra"
)

func newTrafficSet(socket *string) *cobra.Command {
	var rate float64
	cmd := &cobra.Command{
		Use:   "set",
		Short: "Change the rate of running traffic",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := traffic.SetRate(cmd.Context(), *socket, rate)
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), s)
		},
	}
	cmd.Flags().Float64Var(&rate, "rate", 0, "arrivals per second; 0 pauses")
	_ = cmd.MarkFlagRequired("rate")
	return cmd
}
