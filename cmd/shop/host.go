package main

import (
	"context"

	"github.com/spf13/cobra"

	"faultlab/targets/shop/host"
	"faultlab/targets/shop/service"
)

func newHost() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   host.Name,
		Short: "Run several programs under one memory limit, as a machine would",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := host.DefaultConfig()
			out := host.NewOutput(cmd.OutOrStdout())
			build := func(ctx context.Context, on *service.Service, c *host.Config) (func(), error) {
				return host.Build(ctx, on, c, out)
			}
			return service.Run(cmd.Context(), host.Name, config, &c, out, build)
		},
	}
	cmd.Flags().StringVar(&config, "config", "/etc/shop/"+host.Name+".yaml", "configuration `file`")
	return cmd
}
