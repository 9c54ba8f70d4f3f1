package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"faultlab/faults"
	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/labs"
)

var validInjection = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

func newInject() *cobra.Command {
	var params []string
	var o agent.InjectOptions
	var detach, asJSON bool
	cmd := &cobra.Command{
		Use:   "inject CONTAINER KIND",
		Short: "Put a fault into a container of your own",
		Long: `Put a fault into a running container of your own, outside any lab, and hold it
there until its time is over or you press Ctrl-C; then it is taken away.

It is called active only after a probe on the data path has seen it, and follows
the container through restarts, and its name when it is made anew. When this
command is killed, the fault ends. With --detach a helper container holds it
instead; faultlab revert ends it early.`,
		Example: `  faultlab inject web latency --param delay=200ms --for 2m
  faultlab inject db loss --param percent=10 --param direction=both --param peer.addresses=172.18.0.0/16
  faultlab inject cache loss --param percent=100 --for 30s --detach
  faultlab inject db pg-lock --param table=orders --param connection.user=admin --param connection.password=@secret.txt
  faultlab faults loss     (its parameters)`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return &labs.Problem{Message: "inject wants a container and a kind of fault", Remedy: "faultlab inject web latency --param delay=200ms; faultlab faults lists the kinds"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			opened, passed, secret, err := openSecrets(args[1], params, cmd.InOrStdin())
			if err != nil {
				return err
			}
			f, err := faults.Parse(args[1], opened)
			if err != nil {
				remedy := "faultlab faults " + args[1] + " tells its parameters"
				if errors.Is(err, faults.ErrUnknownKind) {
					remedy = "faultlab faults lists the kinds"
				}
				return &labs.Problem{Message: err.Error(), Remedy: remedy}
			}
			if err := agent.CheckTTL(o.TTL); err != nil {
				return &labs.Problem{Message: "the time is " + o.TTL.String(), Remedy: "--for is from 1s to " + agent.MaxTTL.String()}
			}
			if o.ID == "" {
				o.ID = strings.ToLower(rand.Text()[:6])
			}
			if !validInjection.MatchString(o.ID) {
				return &labs.Problem{Message: fmt.Sprintf("the id %q cannot be used", o.ID), Remedy: "--id is up to 32 small letters, digits and dashes"}
			}
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				h := agent.Holding{Engine: e, Container: args[0], Fault: f, Options: o}
				if err := admit(ctx, h); err != nil {
					return err
				}
				if h.Image, err = agent.BuildImage(ctx, e); err != nil {
					return err
				}
				if detach {
					err = detached(cmd, h, passed, secret, asJSON)
				} else {
					err = held(cmd, h, asJSON)
				}
				if ctx.Err() != nil && errors.Is(err, context.Canceled) {
					return &labs.Problem{Message: "interrupted; nothing is left of the fault"}
				}
				return inTheWay(ctx, h, err)
			})
		},
	}
	cmd.Flags().StringArrayVar(&params, "param", nil, "a parameter of the fault, name=value; may be repeated")
	cmd.Flags().DurationVar(&o.TTL, "for", 5*time.Minute, "how long, at most 24h")
	cmd.Flags().Uint64Var(&o.Seed, "seed", 0, "the same seed makes the same choices (default: chosen and shown)")
	cmd.Flags().StringSliceVar(&o.Probes, "probe", nil, "addresses that answer, to measure against (default: the peer, gateways and neighbours)")
	cmd.Flags().StringVar(&o.ID, "id", "", "name of the injection (default: random)")
	cmd.Flags().BoolVar(&detach, "detach", false, "let a helper container hold it, and return when it is active")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// admit refuses what cannot work before anything is made.
func admit(ctx context.Context, h agent.Holding) error {
	if _, err := h.Engine.Inspect(ctx, h.Container); engine.IsNotFound(err) {
		return &labs.Problem{Message: fmt.Sprintf("there is no container %q", h.Container), Remedy: "docker ps lists those that run"}
	} else if err != nil {
		return err
	}
	return nil
}

// inTheWay tells which injection holds the container, where that is why another is refused.
func inTheWay(ctx context.Context, h agent.Holding, err error) error {
	if !errors.Is(err, &agent.Error{Code: agent.Refused}) {
		return err
	}
	on, listErr := agent.ListHeld(ctx, h.Engine)
	on = slices.DeleteFunc(meant(on, h.Container), func(o agent.Held) bool { return o.ID == h.Options.ID })
	if listErr != nil || len(on) == 0 {
		return err
	}
	return &labs.Problem{Message: err.Error(), Remedy: fmt.Sprintf("faultlab revert %s takes away what is on: %s", h.Container, heldIDs(on))}
}

// held holds a fault in the foreground: a live line on a terminal, otherwise a
// line when it is active and one at the end; with JSON the entry at both.
func held(cmd *cobra.Command, h agent.Holding, asJSON bool) error {
	out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
	f, ok := errOut.(*os.File)
	live := ok && term.IsTerminal(int(f.Fd()))
	began := false
	e, err := agent.Hold(cmd.Context(), h, func(e agent.Entry) {
		switch {
		case began && live:
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil || width < 20 {
				width = 80
			}
			fmt.Fprint(errOut, "\r\x1b[K"+liveLine(e, time.Now(), width-1))
		case !began && asJSON:
			json.NewEncoder(out).Encode(e)
		case !began:
			fmt.Fprintln(out, activeLine(h.Container, e))
			fmt.Fprintf(out, "Ctrl-C takes it away; so does faultlab revert %s.\n", e.ID)
		}
		began = true
	})
	if live && began {
		fmt.Fprint(errOut, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(e)
	}
	_, err = fmt.Fprintln(out, endLine(h.Container, e))
	return err
}

// detached has a helper run this same command without --detach. A secret is its stdin.
func detached(cmd *cobra.Command, h agent.Holding, params []string, secret string, asJSON bool) error {
	args := []string{"inject", h.Container, h.Fault.Kind(), "--json", "--for", h.Options.TTL.String(), "--id", h.Options.ID,
		"--seed", strconv.FormatUint(h.Options.Seed, 10)}
	for _, p := range params {
		args = append(args, "--param", p)
	}
	for _, p := range h.Options.Probes {
		args = append(args, "--probe", p)
	}
	e, err := agent.Detach(cmd.Context(), h, args, secret)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(e)
	}
	fmt.Fprintln(cmd.OutOrStdout(), activeLine(h.Container, e))
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "It goes on until %s; faultlab revert %s takes it away.\n", e.EndsAt.Local().Format(time.TimeOnly), e.ID)
	return err
}

func activeLine(target string, e agent.Entry) string {
	return fmt.Sprintf("%s is active on %s by %s (id %s): set %s; measured %s.", e.Kind, target, e.Backend, e.ID, settings(e.Set), measured(e.Measured))
}

// liveLine says how it stands, in width characters: what matters most comes first.
func liveLine(e agent.Entry, now time.Time, width int) string {
	line := fmt.Sprintf("%s: %v left", e.Kind, e.EndsAt.Sub(now).Round(time.Second))
	if e.Measured == nil {
		line += "; " + e.Reason
	} else {
		line += "; measured " + seen(e.Measured)
		if n := counted(e.Packets); n != "" {
			line += "; " + n
		}
		if set := settings(e.Set); set != "" {
			line += "; set " + set
		}
	}
	if r := []rune(line); len(r) > width {
		line = string(r[:width-1]) + "…"
	}
	return line
}

func endLine(target string, e agent.Entry) string {
	how := string(e.State)
	if e.Reason != "" {
		how += " (" + e.Reason + ")"
	}
	if n := counted(e.Packets); n != "" {
		how += ": packets " + n
	}
	return fmt.Sprintf("%s on %s is %s.", e.Kind, target, how)
}

// counted names the counts that are not 0, of packets: many kinds of faults have none.
func counted(p agent.Packets) string {
	var list []string
	for _, c := range []struct {
		what string
		n    uint64
	}{{"hit", p.Hit}, {"dropped", p.Dropped}, {"delayed", p.Delayed}, {"doubled", p.Doubled}, {"damaged", p.Damaged}, {"ahead of others", p.Ahead}} {
		if c.n > 0 {
			list = append(list, fmt.Sprintf("%s %d", c.what, c.n))
		}
	}
	return strings.Join(list, ", ")
}

// settings are a fault's parameters, without JSON's punctuation.
func settings(set json.RawMessage) string {
	return strings.NewReplacer(`"`, "", "{", "", "}", "", ",", ", ", ":", " ").Replace(string(set))
}

func measured(m *agent.Measurement) string {
	if m == nil {
		return "nothing"
	}
	if m.Saw != "" {
		return m.Saw
	}
	return fmt.Sprintf("%+.1f ms of round trip, %.1f %% lost, by %d probes (%s) to %s", m.AddedMS, m.LossPercent, m.Probes, m.Method, m.Address)
}

// seen is what was measured, without how.
func seen(m *agent.Measurement) string {
	if m.Saw != "" {
		return m.Saw
	}
	return fmt.Sprintf("%+.1f ms, %.1f %% lost", m.AddedMS, m.LossPercent)
}
