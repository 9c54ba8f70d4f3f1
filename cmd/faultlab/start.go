package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/labs"
	"faultlab/labs/traces"
)

func newStart() *cobra.Command {
	var o labs.StartOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "start LAB|SCENARIO",
		Short: "Bring a system up, check that it is healthy, break it, and page you",
		Long: `Bring a system up in containers, check that its users are well, break it, and wait
until they suffer; then the pager goes off and the incident is yours.

A scenario (s1 to s7) picks one of its labs and one of the lab's variants by the
seed; the same seed is the same incident. Nothing in the lab tells which it is.
A facilitator may name a lab, as 3a (faultlab list --labs).
The lab runs on when the command has ended, until faultlab stop or its time is up.

OTEL_EXPORTER_OTLP_ENDPOINT sends the shop's traces to a tracing backend of yours as
well, by OTLP over HTTP; OTEL_EXPORTER_OTLP_HEADERS are sent along.`,
		Example: `  faultlab start s3
  faultlab start s2 --seed 7 --pace fast
  faultlab start s3 --id team1 --json
  faultlab start 3a --id team1`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &labs.Problem{Message: "start wants one lab or scenario", Remedy: "faultlab list names the scenarios; faultlab start s3"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			var err error
			if o.Export, err = traces.FromEnv(os.Getenv); err != nil {
				return err
			}
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				s := newShower(cmd.ErrOrStderr())
				started, err := labs.Start(ctx, e, o, s.show)
				s.close(err)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd, started)
				}
				fmt.Fprintf(cmd.OutOrStdout(), `
%s
Lab %s is on (seed %d, pace %s, until %s).

  faultlab status         what users see now
  faultlab traces         what requests were made of; faultlab trace ID shows one
  faultlab alerts         what its own monitoring says, where it has one; faultlab query asks it
  faultlab shell          a shell on the bastion: docker compose, git, psql, dig, curl, ...
  faultlab escalate       page another team, with evidence
  faultlab diagnose       say what it was
  faultlab grade          is it fixed?
  faultlab stop           remove all of it
`, started.Brief, started.ID, started.Seed, started.Pace, started.ExpiresAt.Local().Format("15:04"))
				return nil
			})
		},
	}
	cmd.Flags().Uint64Var(&o.Seed, "seed", 0, "which incident; the same seed is the same one (default: random)")
	cmd.Flags().StringVar(&o.Pace, "pace", "real", "real, or fast for scripts: shorter measurements")
	cmd.Flags().StringVar(&o.ID, "id", "", "name of the lab (default: random)")
	cmd.Flags().StringVar(&o.Profile, "profile", "", "full, with Prometheus and Alertmanager, or core, without (default: what the lab needs)")
	cmd.Flags().DurationVar(&o.TTL, "ttl", 4*time.Hour, "the lab removes itself after this time")
	jsonFlag(cmd, &asJSON)
	return cmd
}
