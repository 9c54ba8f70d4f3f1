package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"faultlab/faults/agent/netspace"
	"faultlab/faults/engine"
)

const floorTable = "faultlab-bench"

// floor is a way to do something in a target's network, without any proof.
type floor struct {
	name string
	do   func(ctx context.Context) (undo func(context.Context) error, err error)
	took series
}

func (w *world) floors() []*floor {
	fs := []*floor{
		{name: "floor: enter the namespace, one rule", do: func(context.Context) (func(context.Context) error, error) {
			return func(context.Context) error { return netspace.Inside(w.pid, dropRule) }, netspace.Inside(w.pid, placeRule)
		}},
		{name: "floor: a command by docker exec", do: func(ctx context.Context) (func(context.Context) error, error) {
			r, err := w.Exec(ctx, w.target, engine.Command{Args: []string{"/bench", "nothing"}})
			if err == nil && r.Code != 0 {
				err = fmt.Errorf("docker exec: code %d: %s", r.Code, r.Stderr)
			}
			return nil, err
		}},
		{name: "floor: a sidecar container, one rule", do: w.sidecar},
	}
	return fs
}

func (w *world) measureFloors(ctx context.Context, all []*floor) error {
	for _, f := range all {
		began := time.Now()
		undo, err := f.do(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		f.took = append(f.took, time.Since(began))
		if undo != nil {
			if err := undo(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// sidecar starts a container that sets a rule in the target's network, and waits for its end.
func (w *world) sidecar(ctx context.Context) (func(context.Context) error, error) {
	id, err := w.Run(ctx, engine.Spec{
		Image: w.image, Cmd: []string{"rule", strconv.Itoa(w.pid)}, HostPid: true, NoNetwork: true,
		CapAdd: []string{"SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN"}, Labels: map[string]string{label: w.id},
	})
	if err != nil {
		return nil, err
	}
	code, err := w.Wait(ctx, id)
	if err == nil && code != 0 {
		err = fmt.Errorf("the sidecar ended with code %d", code)
	}
	undo := func(ctx context.Context) error {
		return errors.Join(netspace.Inside(w.pid, dropRule), w.Remove(ctx, id))
	}
	if err != nil {
		return nil, errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return undo, nil
}

// ruleOf is the sidecar: it sets the rule in the network of the process it is given.
func ruleOf() error {
	if len(os.Args) != 3 {
		return errors.New("rule takes a process")
	}
	pid, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	return netspace.Inside(pid, placeRule)
}

// placeRule sets one rule in this thread's network that matches nothing that is sent.
func placeRule() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	t := c.AddTable(&nftables.Table{Name: floorTable, Family: nftables.TableFamilyINet})
	chain := c.AddChain(&nftables.Chain{Name: "out", Table: t, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter})
	c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{253}}, // for experiments, RFC 3692
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return c.Flush()
}

func dropRule() error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	c.DelTable(&nftables.Table{Name: floorTable, Family: nftables.TableFamilyINet})
	return c.Flush()
}

// tables are the names of those in this thread's network.
func tables() ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	list, err := c.ListTables()
	var out []string
	for _, t := range list {
		out = append(out, t.Name)
	}
	return out, err
}
