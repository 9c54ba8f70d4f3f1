package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"faultlab/targets/shop/catalog"
	"faultlab/targets/shop/checkout"
	"faultlab/targets/shop/payments"
	"faultlab/targets/shop/reports"
	"faultlab/targets/shop/service"
	"faultlab/targets/shop/shipping"
	"faultlab/targets/shop/web"
)

func newWeb() *cobra.Command {
	c := web.DefaultConfig()
	return newService(web.Name, "Serve the API the users' apps call", &c, web.Build)
}

func newCatalog() *cobra.Command {
	c := catalog.DefaultConfig()
	return newService(catalog.Name, "Serve products from the database", &c, catalog.Build)
}

func newCheckout() *cobra.Command {
	c := checkout.DefaultConfig()
	return newService(checkout.Name, "Take orders and have the partner charge for them", &c, checkout.Build)
}

func newPayments() *cobra.Command {
	c := payments.DefaultConfig()
	return newService(payments.Name, "Stand for the partner who charges customers' cards", &c, payments.Build)
}

func newShipping() *cobra.Command {
	c := shipping.DefaultConfig()
	return newService(shipping.Name, "Take paid orders from the queue and hand them to the warehouse", &c, shipping.Build)
}

func newReports() *cobra.Command {
	c := reports.DefaultConfig()
	return newService(reports.Name, "Sum up sales on a schedule", &c, reports.Build)
}

// newService gives the command of one of the shop's services.
func newService[C service.Config](name, short string, c C, build func(context.Context, *service.Service, C) (func(), error)) *cobra.Command {
	return withConfig(name, short+" (release by SHOP_RELEASE, place by REGION and ZONE)", c, func(cmd *cobra.Command, config string) error {
		return service.Run(cmd.Context(), name, config, c, cmd.OutOrStdout(), build)
	})
}

// withConfig gives a command that runs with a configuration file, or only checks it.
func withConfig(name, short string, c service.Config, run func(cmd *cobra.Command, config string) error) *cobra.Command {
	var config string
	var check bool
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !check {
				return run(cmd, config)
			}
			if err := service.Load(config, c); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "configuration %s is valid\n", config)
			return err
		},
	}
	cmd.Flags().StringVar(&config, "config", "/etc/shop/"+name+".yaml", "configuration `file`")
	cmd.Flags().BoolVar(&check, "check", false, "only check the configuration file")
	return cmd
}
