package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"faultlab/faults/engine"
	"faultlab/labs"
)

func newShell() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use: "shell", Short: "A shell on the bastion, with the real tools", Example: "  faultlab shell", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				if !term.IsTerminal(int(os.Stdin.Fd())) {
					return &labs.Problem{Message: "shell needs a terminal", Remedy: "for scripts: faultlab exec -- COMMAND"}
				}
				if err := l.Note(ctx, "opened a shell"); err != nil {
					return err
				}
				return onTerminal(ctx, l, []string{"bash", "-i"})
			})
		},
	}
	idFlag(cmd, &id)
	return cmd
}

func newExec() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "exec -- COMMAND [ARG...]",
		Short: "Run one command on the bastion; its exit code is this command's",
		Example: `  faultlab exec -- docker compose ps
  faultlab exec -- git log --oneline -5
  faultlab exec -- bash -c 'docker stats --no-stream | sort -k4 -h'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &labs.Problem{Message: "exec wants a command", Remedy: "faultlab exec -- docker compose ps"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return withLab(cmd, id, func(ctx context.Context, l *labs.Lab) error {
				if err := l.Note(ctx, "ran "+strings.Join(args, " ")); err != nil {
					return err
				}
				if term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd())) {
					return onTerminal(ctx, l, args)
				}
				r, err := l.Exec(ctx, engine.Command{Args: args, Stdin: cmd.InOrStdin(), Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()})
				if err != nil {
					return err
				}
				if r.Code != 0 {
					return exitCode(r.Code)
				}
				return nil
			})
		},
	}
	idFlag(cmd, &id)
	cmd.Flags().SetInterspersed(false) // what follows the command's name is the command's
	return cmd
}

// onTerminal connects this terminal with a command in the bastion.
func onTerminal(ctx context.Context, l *labs.Lab, args []string) error {
	in := int(os.Stdin.Fd())
	size := func() engine.Size {
		w, h, err := term.GetSize(int(os.Stdout.Fd()))
		if err != nil {
			return engine.Size{Width: 80, Height: 24}
		}
		return engine.Size{Width: uint(w), Height: uint(h)}
	}
	old, err := term.MakeRaw(in)
	if err != nil {
		return fmt.Errorf("prepare the terminal: %w", err)
	}
	defer term.Restore(in, old)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	env := []string{"TERM=" + os.Getenv("TERM")}
	code, err := l.Shell(ctx, engine.Command{Args: args, Env: env, Stdin: os.Stdin, Stdout: os.Stdout}, size(), resized(ctx, size))
	if err != nil {
		return err
	}
	if code != 0 {
		return exitCode(code)
	}
	return nil
}
