package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// part is one thing that is measured.
type part struct {
	name    string
	measure func(ctx context.Context, w *world) error
}

// parts in their order. The last ones end the target's processes.
var parts = []part{
	{"inject", measureInject},
	{"cold", measureCold},
	{"client", measureClient},
	{"delay", measureDelay},
	{"loss", measureLoss},
	{"overhead", measureOverhead},
	{"bystander", measureBystander},
	{"restart", measureRestart},
	{"oom", measureOOM},
}

func main() {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		exit(roles[os.Args[1]]())
	}
	w := &world{notes: func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }}
	var only, commit string
	flag.Float64Var(&w.share, "share", 1, "of the full numbers; above 0, up to 10")
	flag.StringVar(&only, "only", "", "what to measure, of inject, cold, client, delay, loss, overhead, bystander, restart, oom; default all")
	flag.StringVar(&w.toxiproxy, "toxiproxy", "", "Toxiproxy's server to compare with")
	flag.StringVar(&commit, "commit", "unknown", "what is measured")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	exit(run(ctx, w, only, commit))
}

// roles are what this binary is in a container.
var roles = map[string]func() error{
	"serve":   serve,
	"client":  clientRole,
	"nothing": func() error { return nil },
	"rule":    ruleOf,
}

// errUsage is in errors about what was asked for.
var errUsage = errors.New("not understood")

func exit(err error) {
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintf(os.Stderr, "faultlab: error: %v\n", err)
	if errors.Is(err, errUsage) {
		fmt.Fprintln(os.Stderr, "faultlab: hint: scripts/bench faults [--share N] [--only PART,...]")
	}
	os.Exit(2)
}

func run(ctx context.Context, w *world, only, commit string) (err error) {
	chosen := parts
	if only != "" {
		chosen = nil
		for _, name := range strings.Split(only, ",") {
			i := slices.IndexFunc(parts, func(p part) bool { return p.name == name })
			if i < 0 {
				return fmt.Errorf("%w: there is nothing called %q to measure", errUsage, name)
			}
			chosen = append(chosen, parts[i])
		}
	}
	if !(w.share > 0 && w.share <= 10) {
		return fmt.Errorf("%w: share is %v; want above 0, up to 10", errUsage, w.share)
	}
	began := time.Now()
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, w.close(clean))
	}()
	if err := w.open(ctx); err != nil {
		return err
	}
	if err := w.machine(ctx, commit); err != nil {
		return err
	}
	for _, p := range chosen {
		w.notes("==> [%.0f s] %s", time.Since(began).Seconds(), p.name)
		if err := p.measure(ctx, w); err != nil {
			if ctx.Err() != nil {
				return errors.New("stopped by a signal")
			}
			return fmt.Errorf("measure %s: %w", p.name, err)
		}
	}
	w.facts = append(w.facts, fmt.Sprintf("measured in %.0f s, with %g of the full numbers", time.Since(began).Seconds(), w.share))
	w.write(os.Stdout)
	return nil
}
