package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"faultlab/labs"
	"faultlab/labs/control"
	"faultlab/labs/monitor"
)

func newQuery() *cobra.Command {
	var id string
	var asJSON bool
	var over time.Duration
	cmd := &cobra.Command{
		Use:   "query PROMQL",
		Short: "Ask the system's Prometheus: values now, or how they went",
		Long: `Ask the lab's Prometheus in its own language. Without --range it gives the values
now, with it the last, least and greatest value of each series and a line that shows how
it went. The runbook lists useful ones. Inside the bastion: query.`,
		Example: `  faultlab query 'region:requests:rate1m'
  faultlab query 'region_route:latency:p95_1m{region="eu"}' --range 10m
  faultlab query 'sum by (service) (rate(http_requests_total[1m]))' --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &labs.Problem{Message: "query wants one expression in PromQL", Remedy: `put it in quotes: faultlab query 'up == 0'`}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				r, err := l.Query(ctx, monitor.Query{Expr: args[0], Range: monitor.Duration(over)})
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, r)
				}
				return r.Print(cmd.OutOrStdout())
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().DurationVar(&over, "range", 0, "over this time up to now: 10s to 6h (default: the value now)")
	return cmd
}

func newAlerts() *cobra.Command {
	var id string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "alerts", Short: "Which alerts are pending, firing, silenced, and how many pages arrived",
		Long: `List the alerts of the lab's Prometheus, with what Alertmanager does with them, and
count the pages that reached the pager. Inside the bastion: alerts.`,
		Example: "  faultlab alerts\n  faultlab alerts --json", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				a, err := l.Alerts(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, a)
				}
				return a.Print(cmd.OutOrStdout())
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// printPages shows the pages that reached the pager and have not ended.
func printPages(cmd *cobra.Command, pages []control.Event) {
	if len(pages) == 0 {
		return
	}
	fmt.Fprintln(cmd.OutOrStdout(), "\nOn the pager:")
	for _, p := range pages {
		fmt.Fprintf(cmd.OutOrStdout(), "  %s  %s\n", p.At.Local().Format(time.TimeOnly), p.Text)
	}
}
