// Command releases shows in one healthy lab, one after the other, every change that people
// of the shop make and that turns out badly: it deploys it from the bastion, looks at what
// a trainee can look at, rolls it back there, and looks again. What is looked at must show
// it while it is in, and must not before and after. Its output is the show.
//
// usage: releases -faultlab COMMAND -id ID [NAME...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"faultlab/labs/catalog"
	"faultlab/targets/workspace"
)

func main() {
	command := flag.String("faultlab", "faultlab", "the faultlab `command`")
	id := flag.String("id", "releases", "`id` of the lab, which is started")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ok, err := run(ctx, *command, *id, flag.Args())
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "faultlab: error:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func run(ctx context.Context, command, id string, names []string) (ok bool, err error) {
	list, err := chosen(names)
	if err != nil {
		return false, err
	}
	command, err = filepath.Abs(command)
	if err != nil {
		return false, err
	}
	s := &show{lab: id, command: command}
	if err := s.beside(ctx, "faultlab start s0 --profile full --id $LAB"); err != nil {
		return false, err
	}
	net, err := s.asked(ctx, "sed -n 's/^SHOP_NET=//p' .env")
	if err != nil {
		return false, err
	}
	s.net = strings.TrimSpace(net)
	var bad int
	for _, c := range list {
		err := s.play(ctx, c)
		if ctx.Err() != nil {
			return false, errors.New("interrupted")
		}
		if err != nil {
			bad++
		}
	}
	fmt.Printf("\n%s%d changes, %d otherwise than wanted\n", strings.Join(s.results, ""), len(list), bad)
	return bad == 0, nil
}

// chosen are those whose mode or name begins with one of names, all without any.
func chosen(names []string) ([]shown, error) {
	if len(names) == 0 {
		return all(), nil
	}
	var list []shown
	for _, name := range names {
		before := len(list)
		for _, c := range all() {
			if c.Change == name || c.Mode == name || strings.HasPrefix(c.Mode, name+" ") || strings.HasSuffix(c.Change, "/"+name) {
				list = append(list, c)
			}
		}
		if len(list) == before {
			var known []string
			for _, c := range all() {
				known = append(known, c.Change)
			}
			return nil, fmt.Errorf("there is no change %q; want a mode such as 3b, or one of %s", name, strings.Join(known, ", "))
		}
	}
	return list, nil
}

// change finds what a row is about.
func (c shown) change() (workspace.Change, error) {
	if lab, variant, of := strings.Cut(c.Change, "/"); of {
		l, err := catalog.Load(lab, variant)
		if err != nil {
			return workspace.Change{}, err
		}
		d := l.Break[0].Deploy
		found := workspace.Change{Name: c.Change, Commit: workspace.Commit{Message: d.Message}, Run: d.Run}
		for _, e := range d.Edits {
			found.Edits = append(found.Edits, workspace.Edit{File: e.File, Old: e.Old, New: e.New})
		}
		if d.Up {
			found.Run = up
		}
		return found, nil
	}
	for _, found := range workspace.Changes() {
		if found.Name == c.Change {
			return found, nil
		}
	}
	return workspace.Change{}, fmt.Errorf("there is no change %q", c.Change)
}
