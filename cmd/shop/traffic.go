package main

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"faultlab/targets/traffic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func newTraffic() *cobra.Command {
	var c traffic.Config
	var socket string
	cmd := &cobra.Command{
		Use:   "traffic",
		Short: "Play the shop's users and print what they see, one line of JSON per second",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return play(cmd.Context(), c, socket, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&c.Edge, "edge", "", "`host:port` where users enter")
	cmd.Flags().StringVar(&c.Edge6, "edge6", "", "`host:port` where those with IPv6 enter; without, all come over IPv4")
	cmd.Flags().Float64Var(&c.Rate, "rate", 45, "arrivals per second; 0 waits until a rate is set")
	cmd.Flags().Uint64Var(&c.Seed, "seed", 1, "the same seed sends the same requests at the same times")
	cmd.Flags().Float64Var(&c.Shape.Swing, "swing", 0.08, "how far the rate goes up and down over a day of twelve minutes, as a `share` of the mean")
	cmd.Flags().Float64Var(&c.Shape.Burst, "burst", 1.5, "how many `times` as many arrive for two seconds of every minute; 0 = no bursts")
	cmd.Flags().DurationVar(&c.Timeout, "timeout", 3*time.Second, "a user's patience")
	cmd.Flags().IntVar(&c.MaxOutstanding, "max-outstanding", 5000, "requests under way at most; further ones count as failed")
	cmd.PersistentFlags().StringVar(&socket, "socket", traffic.DefaultSocket, "unix `socket` for commands")
	cmd.AddCommand(newTrafficSet(&socket), newTrafficStatus(&socket), newTrafficFresh())
	return cmd
}

func play(ctx context.Context, c traffic.Config, socket string, out io.Writer) error {
	g, err := traffic.New(c, out)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return traffic.ServeControl(ctx, socket, g) })
	group.Go(func() error { return g.Run(ctx) })
	return group.Wait()
}

func printJSON(w io.Writer, v any) error {
	return json.NewEncoder(w).Encode(v)
}
