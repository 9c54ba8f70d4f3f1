package main

import (
	"os"

	"faultlab/targets/shop"

	"github.com/spf13/cobra"
)

func newWeb() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "web",
		Short: "Serve the API the users' apps call (release by SHOP_RELEASE, place by REGION and ZONE)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := shop.LoadWebConfig(config)
			if err != nil {
				return err
			}
			id := shop.IdentityFromEnv(shop.WebService, os.Getenv)
			log := shop.NewLogger(cmd.OutOrStdout(), id, c.Log)
			if err := shop.PinCode(); err != nil {
				log.Info("code is not pinned", "err", err)
			}
			return shop.RunWeb(cmd.Context(), id, c, log)
		},
	}
	cmd.Flags().StringVar(&config, "config", "/etc/shop/web.yaml", "configuration `file`")
	return cmd
}
