package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"faultlab/faults/agent"
	"faultlab/faults/engine"
	"faultlab/labs"
)

func newRevert() *cobra.Command {
	var all, list, asJSON bool
	cmd := &cobra.Command{
		Use:   "revert [ID|CONTAINER]",
		Short: "Take away faults that were injected outside a lab",
		Long: `Take away a fault that faultlab inject has put into a container, by the fault's id
or the container's name; without either, the only one that is on.

A killed injector takes its faults with it. Where the second process that sees to
that was killed too, a container without a fault of ours is cleaned of what it may
have left on the network (netem) and in PostgreSQL. Limits, a pause, a mount made
read-only and the memory limit of Redis are not found that way: docker restart
ends them.`,
		Example: `  faultlab revert
  faultlab revert web
  faultlab revert --all
  faultlab revert --list`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 || len(args) == 1 && (all || list) {
				return &labs.Problem{Message: "revert takes one id or container, or --all, or --list", Remedy: "faultlab revert --list tells what is on"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
				on, err := agent.ListHeld(ctx, e)
				if err != nil {
					return err
				}
				switch {
				case list && asJSON:
					return printJSON(cmd, append([]agent.Held{}, on...))
				case list:
					return printHeld(cmd, on)
				case len(args) == 1:
					if on = meant(on, args[0]); len(on) == 0 {
						return clean(cmd, e, args[0], asJSON)
					}
				case !all && len(on) == 0:
					return &labs.Problem{Message: "no fault is injected outside a lab", Remedy: "faultlab inject puts one into a container; faultlab revert CONTAINER cleans up there"}
				case !all && len(on) > 1:
					return &labs.Problem{Message: fmt.Sprintf("%d faults are on", len(on)), Remedy: "name one, or all with --all: " + heldIDs(on)}
				}
				return revertAll(cmd, e, on, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all of them")
	cmd.Flags().BoolVar(&list, "list", false, "tell what is on, and change nothing")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// meant are the injections with an id, or on a container.
func meant(on []agent.Held, what string) []agent.Held {
	var out []agent.Held
	for _, h := range on {
		if h.ID == what {
			return []agent.Held{h}
		}
		if h.Target == what {
			out = append(out, h)
		}
	}
	return out
}

func heldIDs(on []agent.Held) string {
	var out []string
	for _, h := range on {
		out = append(out, fmt.Sprintf("%s (%s on %s)", h.ID, h.Kind, h.Target))
	}
	return strings.Join(out, ", ")
}

func revertAll(cmd *cobra.Command, e *engine.Engine, on []agent.Held, asJSON bool) error {
	entries := []agent.Entry{}
	var errs []error
	for _, h := range on {
		last, err := h.Revert(cmd.Context(), e)
		switch {
		case err != nil:
			errs = append(errs, err)
		case last.ID == "":
			last = agent.Entry{ID: h.ID, Kind: h.Kind, Target: h.Target, State: agent.Reverted, Reason: "its agent was ended"}
			fallthrough
		default:
			entries = append(entries, last)
			if !asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), endLine(h.Target, last))
			}
		}
	}
	if asJSON {
		errs = append(errs, printJSON(cmd, entries))
	}
	return errors.Join(errs...)
}

// clean removes what dead agents left on a container.
func clean(cmd *cobra.Command, e *engine.Engine, container string, asJSON bool) error {
	ctx := cmd.Context()
	if _, err := e.Inspect(ctx, container); engine.IsNotFound(err) {
		return &labs.Problem{Message: fmt.Sprintf("there is no injection and no container %q", container), Remedy: "faultlab revert --list tells what is on"}
	} else if err != nil {
		return err
	}
	image, err := agent.BuildImage(ctx, e)
	if err != nil {
		return err
	}
	a, err := agent.Start(ctx, agent.Options{Engine: e, Image: image})
	if err != nil {
		return err
	}
	removed, err := a.Sweep(ctx, container)
	if err = errors.Join(err, a.Close(ctx)); err != nil {
		return err
	}
	if asJSON {
		entries := []agent.Entry{}
		for _, r := range removed {
			entries = append(entries, agent.Entry{Target: container, State: agent.Reverted, Reason: "a killed injector had left " + r})
		}
		return printJSON(cmd, entries)
	}
	for _, r := range removed {
		fmt.Fprintln(cmd.OutOrStdout(), "removed "+r)
	}
	if len(removed) == 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "There is no fault of faultlab's on %s.\n", container)
	}
	return nil
}

func printHeld(cmd *cobra.Command, on []agent.Held) error {
	if len(on) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "No fault is injected outside a lab.")
		return err
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tCONTAINER\tHELD BY\tSINCE\tUNTIL\tSET")
	for _, h := range on {
		by := "a command"
		if h.Detached {
			by = "a helper"
		}
		until := "" // of one that a command holds that command tells
		if !h.EndsAt.IsZero() {
			until = h.EndsAt.Local().Format(time.TimeOnly)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.Kind, h.Target, by, h.Since.Local().Format(time.TimeOnly), until, settings(h.Set))
	}
	return w.Flush()
}
