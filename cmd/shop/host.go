package main

import (
	"context"

	"github.com/spf13/cobra"

	"faultlab/targets/shop/host"
	"faultlab/targets/shop/service"
)

func newHost() *cobra.Command {
	c := host.DefaultConfig()
	return withConfig(host.Name, "Run several programs under one memory limit, as a machine would", &c, func(cmd *cobra.Command, config string) error {
		out := host.NewOutput(cmd.OutOrStdout())
		build := func(ctx context.Context, on *service.Service, c *host.Config) (func(), error) {
			return host.Build(ctx, on, c, out)
		}
		return service.Run(cmd.Context(), host.Name, config, &c, out, build)
	})
}
