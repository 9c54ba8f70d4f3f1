package main

import (
	"faultlab/targets/traffic"

	"github.com/spf13/cobra"
)

func newTrafficStatus(socket *string) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say how running traffic stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := traffic.GetStatus(cmd.Context(), *socket)
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), s)
		},
	}
}
