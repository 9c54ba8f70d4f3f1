package main

import (
	"os"

	"faultlab/targets/shop"

	"github.com/spf13/cobra"
)

func newCatalog() *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "catalog",
		Short: "Serve products from the database (release by SHOP_RELEASE, place by REGION and ZONE)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := shop.LoadCatalogConfig(config)
			if err != nil {
				return err
			}
			id := shop.IdentityFromEnv(shop.CatalogService, os.Getenv)
			log := shop.NewLogger(cmd.OutOrStdout(), id, c.Log)
			if err := shop.PinCode(); err != nil {
				log.Info("code is not pinned", "err", err)
			}
			return shop.RunCatalog(cmd.Context(), id, c, log)
		},
	}
	cmd.Flags().StringVar(&config, "config", "/etc/shop/catalog.yaml", "configuration `file`")
	return cmd
}
