package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"faultlab/faults/engine"
	"faultlab/labs"
)

const welcome = `faultlab starts a realistic system in containers, breaks it, gives you real tools,
and grades whether your diagnosis and your fix are really right.

Start here:
  faultlab doctor          what this machine can do
  faultlab list            the scenarios
  faultlab start s3        bring one up; it prints what to do next

Then, with the incident on:
  faultlab brief           what the pager says
  faultlab shell           a shell with docker, git, psql, dig, curl, ...
  faultlab diagnose ...    say what it was
  faultlab grade           is it fixed? with the reason of every point
  faultlab stop            remove all of it

faultlab help VERB tells more about each, with examples.
`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "faultlab",
		Short:         "A lab for incidents: real system, real fault, honest grade",
		Args:          unknownVerb,
		SilenceErrors: true,
		SilenceUsage:  true,

		SuggestionsMinimumDistance: 2,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := io.WriteString(cmd.OutOrStdout(), welcome)
			return err
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &labs.Problem{Message: err.Error(), Remedy: cmd.CommandPath() + " --help lists the flags"}
	})
	root.SetHelpCommand(newHelp())
	root.AddCommand(
		newList(), newStart(), newPs(), newStop(), newDoctor(), newImages(),
		newBrief(), newStatus(), newTraces(), newTrace(), newQuery(), newAlerts(), newEscalate(), newShell(), newExec(),
		newDiagnose(), newGrade(), newReport(), newVerify(),
		newFaults(), newInject(), newRevert(),
		newControl(), newAgent(), newSweep(),
	)
	return root
}

func unknownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	p := &labs.Problem{Message: fmt.Sprintf("there is no verb %q", args[0]), Remedy: "faultlab help lists the verbs"}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		p.Remedy = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return p
}

// newHelp is cobra's own help, except that an unknown verb is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use: "help [VERB]", Short: "Tell more about a verb, with examples", Example: "  faultlab help start",
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, _, err := cmd.Root().Find(args)
			if err != nil || verb == cmd.Root() && len(args) > 0 {
				return unknownVerb(cmd.Root(), args)
			}
			return verb.Help()
		},
	}
}

// noArgs refuses arguments with a hint.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &labs.Problem{Message: fmt.Sprintf("%s takes no argument; got %q", cmd.CommandPath(), args[0]), Remedy: cmd.CommandPath() + " --help"}
	}
	return nil
}

// withLab connects to the engine and to the lab meant by id.
func withLab(cmd *cobra.Command, id string, do func(context.Context, *labs.Lab) error) error {
	return withEngine(cmd, func(ctx context.Context, e *engine.Engine) error {
		l, err := labs.Find(ctx, e, id)
		if err != nil {
			return err
		}
		if l.Resumed {
			fmt.Fprintf(cmd.ErrOrStderr(), "faultlab: the control of lab %s had ended; it was started again\n", l.ID)
		}
		return do(ctx, l)
	})
}

func withEngine(cmd *cobra.Command, do func(context.Context, *engine.Engine) error) error {
	e, err := engine.Open(cmd.Context())
	if err != nil {
		return err
	}
	defer e.Close()
	return do(cmd.Context(), e)
}

// idFlag adds --id, which names a lab; without it the only running one is meant.
func idFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "id", "", "the lab (default: the only one that runs)")
}

func jsonFlag(cmd *cobra.Command, on *bool) {
	cmd.Flags().BoolVar(on, "json", false, "print JSON")
}

func printJSON(cmd *cobra.Command, v any) error {
	enc := json.NewEncoder(cmd.OutOrStdout())
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// oneLine makes an error's text one line.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
