package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"faultlab/faults"
	"faultlab/labs"
)

func newFaults() *cobra.Command {
	var asJSON, markdown bool
	cmd := &cobra.Command{
		Use:   "faults [KIND]",
		Short: "Tell what can be broken, and every parameter of it",
		Example: `  faultlab faults
  faultlab faults latency
  faultlab faults --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &labs.Problem{Message: "faults takes one kind", Remedy: "faultlab faults lists the kinds"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			list := faults.Kinds()
			if len(args) == 1 {
				i := slices.IndexFunc(list, func(k faults.KindInfo) bool { return k.Kind == args[0] })
				if i < 0 {
					return &labs.Problem{Message: fmt.Sprintf("there is no kind of fault %q", args[0]), Remedy: "there are: " + strings.Join(kindNames(), ", ")}
				}
				list = list[i : i+1]
			}
			switch {
			case asJSON:
				return printJSON(cmd, list)
			case markdown:
				return printMarkdown(cmd.OutOrStdout(), list)
			case len(args) == 1:
				return printKind(cmd.OutOrStdout(), list[0])
			}
			return printKinds(cmd.OutOrStdout(), list)
		},
	}
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print the table of the README")
	return cmd
}

func kindNames() []string {
	var out []string
	for _, k := range faults.Kinds() {
		out = append(out, k.Kind)
	}
	return out
}

func printKinds(out io.Writer, list []faults.KindInfo) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tFAMILY\tWHAT HAPPENS\tBACK-ENDS")
	for _, k := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.Kind, k.Family, k.Does, cmp.Or(strings.Join(k.Backends, ", "), "none"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\nfaultlab faults KIND tells the parameters; faultlab inject puts one into a container.")
	return err
}

func printKind(out io.Writer, k faults.KindInfo) error {
	backends := "Back-ends, in the order they are tried: " + strings.Join(k.Backends, ", ")
	if k.Missing != "" {
		backends = "Not supported: " + k.Missing + ".\nInstead: " + k.Instead
	}
	fmt.Fprintf(out, "%s (%s): %s.\n\nWhat one sees: %s.\n%s.\n\n", k.Kind, k.Family, k.Does, k.Sees, backends)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PARAMETER\tTYPE\tUNIT\tDEFAULT\tRANGE\tMEANING")
	var needed []string
	var times bool
	for _, p := range k.Params {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.Name, p.Type, cmp.Or(p.Unit, "-"), cmp.Or(p.Default, "(needed)"), p.Range, p.Doc)
		times = times || p.Type == "duration"
		if p.Default == "" || k.Example(p.Name) != "" {
			given := p.Name + "=" + k.Example(p.Name)
			if strings.ContainsAny(given, " *") {
				given = "'" + given + "'" // from a shell
			}
			needed = append(needed, " --param "+given)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if times {
		fmt.Fprintln(out, "\nA time is a number with its unit (ms, s, m, h), such as 50ms or 1.5s.")
	}
	if k.Missing != "" {
		return nil
	}
	_, err := fmt.Fprintf(out, "\nExample: faultlab inject CONTAINER %s%s --for 2m\n", k.Kind, strings.Join(needed, ""))
	return err
}

func printMarkdown(out io.Writer, list []faults.KindInfo) error {
	fmt.Fprintln(out, "| kind | what happens | parameters (default) | what one sees |\n|---|---|---|---|")
	for _, k := range list {
		var params []string
		for _, p := range k.Params {
			s := "`" + p.Name + "`"
			if object, _, ok := strings.Cut(p.Name, "."); ok {
				s = "`" + object + ".*`"
			} else if p.Default != "" {
				s += " (" + p.Default + ")"
			}
			if !slices.Contains(params, s) {
				params = append(params, s)
			}
		}
		if _, err := fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", k.Kind, k.Does, strings.Join(params, ", "), k.Sees); err != nil {
			return err
		}
	}
	return nil
}
