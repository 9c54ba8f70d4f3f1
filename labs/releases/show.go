package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"faultlab/targets/workspace"
)

const (
	comes = 4 * time.Minute // from the beginning of a deploy until all sights of it have shown
	heals = time.Minute     // from that of a rollback until none does; and for users to be well
)

// show is the lab in which changes are shown.
type show struct {
	lab     string
	command string // faultlab, an absolute path
	net     string // the first three octets of the shop's network
	results []string
}

// play shows one change. It is only over when users are well again.
func (s *show) play(ctx context.Context, c shown) error {
	fmt.Printf("\n==== %s: %s\n", c.Mode, c.Change)
	var ended error
	shows, healed, err := s.inAndOut(ctx, c)
	if c.End != "" {
		ended = s.beside(context.WithoutCancel(ctx), c.End)
	}
	_, well := s.see(ctx, time.Now(), []sight{users("all")}, false, heals)
	if err = errors.Join(err, ended, well); err != nil {
		fmt.Printf("\nFAIL  %v\n", err)
		s.results = append(s.results, fmt.Sprintf("FAIL  %-21s  %s\n", c.Mode, c.Change))
		return err
	}
	s.results = append(s.results, fmt.Sprintf("ok    %-21s  %-30s  shown after %3.0f s, healed after %2.0f s\n",
		c.Mode, c.Change, shows.Seconds(), healed.Seconds()))
	return nil
}

// inAndOut deploys a change, rolls it back whatever was seen of it, and gives how long it
// took until it showed, and until it did no more.
func (s *show) inAndOut(ctx context.Context, c shown) (shows, healed time.Duration, err error) {
	change, err := c.change()
	if err != nil {
		return 0, 0, err
	}
	run := strings.ReplaceAll(change.Run, "\n", " && ")
	if c.While != "" {
		if err := s.beside(ctx, c.While); err != nil {
			return 0, 0, err
		}
	}
	fmt.Printf("\n---- before\n")
	if _, err := s.see(ctx, time.Now(), c.Sights, false, heals); err != nil {
		return 0, 0, fmt.Errorf("before it is deployed: %w", err)
	}

	fmt.Printf("\n---- the deploy\n")
	began := time.Now()
	if err := s.edit(ctx, change.Edits); err != nil {
		return 0, 0, err
	}
	err = s.typed(ctx, "git add -A && git diff --cached && git commit -qm "+quote(change.Message)+" && "+run)
	if err == nil {
		shows, err = s.see(ctx, began, c.Sights, true, comes)
	}
	if err != nil {
		err = fmt.Errorf("while it is in: %w", err)
	}

	fmt.Printf("\n---- the rollback\n")
	began = time.Now()
	if c.Undo != "" {
		run = c.Undo
	}
	back := s.typed(ctx, "git revert --no-edit HEAD && "+run)
	if back == nil {
		healed, back = s.see(ctx, began, c.Sights, false, heals)
	}
	left, asked := s.asked(ctx, "git diff HEAD~2")
	if left != "" {
		asked = fmt.Errorf("the rollback leaves in git: %s", left)
	}
	if back = errors.Join(back, asked); back != nil {
		back = fmt.Errorf("after the rollback: %w", back)
	}
	return shows, healed, errors.Join(err, back)
}

// edit puts what edits make of the shop's files into the workspace.
func (s *show) edit(ctx context.Context, edits []workspace.Edit) error {
	files, err := workspace.Files(s.net)
	if err != nil {
		return err
	}
	var local []workspace.Edit
	for _, e := range edits {
		local = append(local, workspace.Edit{File: e.File, Old: workspace.Localize(e.Old, s.net), New: workspace.Localize(e.New, s.net)})
	}
	after, changed, err := workspace.Apply(files, local)
	if err != nil {
		return err
	}
	for _, name := range changed {
		if _, err := s.run(ctx, strings.NewReader(after[name]), s.command, "exec", "--id", s.lab, "--", "bash", "-c", "cat > "+quote(name)); err != nil {
			return err
		}
	}
	return nil
}

// see looks until every sight is as it must be, and gives how long after it began that was.
func (s *show) see(ctx context.Context, began time.Time, sights []sight, bad bool, within time.Duration) (time.Duration, error) {
	for _, g := range sights {
		out, err := s.until(ctx, began.Add(within), g, bad)
		fmt.Printf("%s%s# after %.0f s\n", s.prompt(g.Look), out, time.Since(began).Seconds())
		if err != nil {
			return 0, fmt.Errorf("within %v, %w", within, err)
		}
	}
	return time.Since(began), nil
}

// until looks again and again, and gives what was seen last.
func (s *show) until(ctx context.Context, end time.Time, g sight, bad bool) (out string, err error) {
	for {
		out, err = s.look(ctx, g.Look)
		switch {
		case err != nil:
		case bad && !g.bad(out):
			err = fmt.Errorf("%s does not show %q", g.Look, g.Bad)
		case !bad && (g.bad(out) || !g.well(out)):
			err = fmt.Errorf("%s shows %q, or not %q", g.Look, g.Bad, g.Well)
		}
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return out, err
		}
		pause(ctx, 2*time.Second)
	}
}

func (g sight) bad(out string) bool  { return regexp.MustCompile(g.Bad).MatchString(out) }
func (g sight) well(out string) bool { return regexp.MustCompile(g.Well).MatchString(out) }

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (s *show) prompt(line string) string {
	if strings.HasPrefix(line, "faultlab ") {
		return "$ " + strings.NewReplacer("$LAB", s.lab, "${LAB}", s.lab).Replace(line) + "\n"
	}
	return "bastion$ " + line + "\n"
}

// look runs a line where it belongs.
func (s *show) look(ctx context.Context, line string) (string, error) {
	if strings.HasPrefix(line, "faultlab ") {
		return s.run(ctx, nil, "bash", "-c", "set -o pipefail; "+line)
	}
	return s.asked(ctx, "set -o pipefail; "+line)
}

// asked runs a line on the bastion.
func (s *show) asked(ctx context.Context, line string) (string, error) {
	return s.run(ctx, nil, s.command, "exec", "--id", s.lab, "--", "bash", "-c", line)
}

// typed runs a line on the bastion and shows it, but not what compose leaves as it is.
func (s *show) typed(ctx context.Context, line string) error {
	fmt.Print(s.prompt(line))
	out, err := s.asked(ctx, line)
	for text := range strings.Lines(out) {
		if !strings.HasSuffix(strings.TrimSpace(text), "  Running") {
			fmt.Print(text)
		}
	}
	return err
}

// beside runs a line where faultlab runs, and shows it.
func (s *show) beside(ctx context.Context, line string) error {
	fmt.Print(s.prompt(line))
	out, err := s.look(ctx, line)
	fmt.Print(out)
	return err
}

// run gives what a command prints on both of its outputs.
func (s *show) run(ctx context.Context, in io.Reader, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = in
	cmd.Env = append(os.Environ(), "LAB="+s.lab, "PATH="+filepath.Dir(s.command)+":"+os.Getenv("PATH"))
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w", strings.Join(args[max(0, len(args)-1):], " "), err)
	}
	return string(out), nil
}

// quote makes one word of the shell's out of any text.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
