package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faultlab/labs"
	"faultlab/labs/control"
)

func newBrief() *cobra.Command {
	var id string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "brief", Short: "What the pager says", Example: "  faultlab brief", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				b, err := l.Brief(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, struct {
						ID string `json:"id"`
						control.Brief
					}{l.ID, b})
				}
				fmt.Fprintln(cmd.OutOrStdout(), b.Brief)
				printPages(cmd, b.Pages)
				return nil
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func newStatus() *cobra.Command {
	var id string
	var asJSON bool
	var last time.Duration
	cmd := &cobra.Command{
		Use: "status", Short: "What users see now, or saw lately, by region, page and app version",
		Example: "  faultlab status\n  watch -n2 faultlab status\n  faultlab status --last 10m", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				s, err := l.Status(ctx, last)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, s)
				}
				return printStatus(cmd, s)
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().DurationVar(&last, "last", control.StatusWindow, "how far back to look: 15s or more, up to the whole session")
	return cmd
}

func printStatus(cmd *cobra.Command, s control.Status) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', tabwriter.AlignRight)
	paged := "nobody was paged"
	if !s.Since.IsZero() {
		paged = "paged " + s.Since.Local().Format(time.TimeOnly)
	}
	fmt.Fprintf(cmd.OutOrStdout(), "Lab %s, scenario %s, %s. Users in the last %d s (%.0f requests/s); wanted: %s.\n\n",
		s.ID, s.Scenario, paged, s.Seconds, s.Rate, s.Want)
	if s.IPv4Alone != "" {
		fmt.Fprintf(cmd.OutOrStdout(), "Users come over IPv4 alone: %s.\n\n", s.IPv4Alone)
	}
	fmt.Fprintln(w, "segment\trequests\tsuccess %\tp50 ms\tp95 ms\tp99 ms\t\t")
	for _, g := range s.Segments {
		mark := ""
		if !g.Well {
			mark = "<- suffers"
		}
		if g.Success < 0 {
			fmt.Fprintf(w, "%s\t%d\t-\t-\t-\t-\t%s\t\n", g.Name, g.Requests, mark)
			continue
		}
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.0f\t%.0f\t%.0f\t%s\t\n", g.Name, g.Requests, g.Success, g.P50, g.P95, g.P99, mark)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, kind := range []string{"timeout", "status", "body", "connect", "overflow"} {
		if n := s.Errors[kind]; n > 0 {
			fmt.Fprintf(cmd.OutOrStdout(), "\n%d failed: %s", n, errorKinds[kind])
		}
	}
	printPages(cmd, s.Pages)
	fmt.Fprintln(cmd.OutOrStdout())
	return nil
}

var errorKinds = map[string]string{
	"timeout": "no whole answer in time", "status": "an answer that is not a 200", "body": "a 200 with a wrong or broken body",
	"connect": "no connection, or it broke", "overflow": "could not even be sent",
}

func newEscalate() *cobra.Command {
	var id string
	var asJSON bool
	var e control.Escalation
	cmd := &cobra.Command{
		Use:   "escalate TEAM --about WHAT --evidence TEXT",
		Short: "Page another team: network, database, vendor, platform or security",
		Long: `Page another team. The right team, told of the right thing, mends what is theirs
after a while; another says that it is not theirs. Inside the bastion: escalate.`,
		Example: `  faultlab escalate database --about db --evidence "pg_stat_activity: 40 sessions wait for one lock, since 10:04"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &labs.Problem{Message: "escalate wants one team", Remedy: "one of network, database, vendor, platform, security"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			e.Team = args[0]
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				answer, err := l.Escalate(ctx, e)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, map[string]string{"id": l.ID, "team": e.Team, "reply": answer})
				}
				fmt.Fprintln(cmd.OutOrStdout(), answer)
				return nil
			})
		},
	}
	idFlag(cmd, &id)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&e.About, "about", "", "what it is about: a zone, a service, a name")
	cmd.Flags().StringVar(&e.Evidence, "evidence", "", "what you saw")
	return cmd
}
