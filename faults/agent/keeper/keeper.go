// Package keeper puts things back when the agent is killed.
//
// Most of what faults need goes by itself when the agent's process does: sockets,
// rules that belong to them, files without a name, traced processes. What stays, such
// as a limit of a control group, is left with a keeper: a second process, out of reach
// of what kills the agent's container, that learns over a pipe what to do if the agent
// dies, and ends when it has.
package keeper

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"

	"faultlab/faults/agent/carrier"
)

// Act puts one thing back. It may come twice, and after the thing has gone.
type Act func(args json.RawMessage) error

// line is what the agent tells its keeper: a promise, or with Forget that it is kept no more.
type line struct {
	ID     int             `json:"id"`
	Act    string          `json:"act,omitempty"`
	Args   json.RawMessage `json:"args,omitempty"`
	Forget bool            `json:"forget,omitempty"`
}

// Keeper is the agent's side. Its process is started with the first promise.
type Keeper struct {
	start func() *exec.Cmd
	acts  map[string]Act

	mu   sync.Mutex
	last int
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

var _ carrier.Keeper = (*Keeper)(nil)

// New gives a keeper whose process start makes; it must lead to [Run] with the same acts.
func New(start func() *exec.Cmd, acts map[string]Act) *Keeper {
	return &Keeper{start: start, acts: acts}
}

// Keep implements [carrier.Keeper].
func (k *Keeper) Keep(act string, args any) (release func(), err error) {
	if k.acts[act] == nil {
		return nil, carrier.Errorf(carrier.Failed, "the keeper knows no act %q", act)
	}
	b, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("keep %s: %w", act, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last++
	id := k.last
	if err := k.tell(line{ID: id, Act: act, Args: b}); err != nil {
		return nil, fmt.Errorf("keep %s: %w", act, err)
	}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		// A keeper that is gone keeps nothing, and there is nothing to forget.
		_ = k.tell(line{ID: id, Forget: true})
	}, nil
}

// tell sends a line and waits until it was taken; k is locked.
func (k *Keeper) tell(l line) error {
	if k.cmd == nil {
		if l.Forget {
			return nil
		}
		if err := k.launch(); err != nil {
			return err
		}
	}
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err = k.in.Write(append(b, '\n')); err == nil {
		_, err = k.out.ReadString('\n')
	}
	return err
}

func (k *Keeper) launch() error {
	cmd := k.start()
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	k.cmd, k.in, k.out = cmd, in, bufio.NewReader(out)
	return nil
}

// Close ends the keeper's process, which does what was not released.
func (k *Keeper) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cmd == nil {
		return nil
	}
	_ = k.in.Close()
	err := k.cmd.Wait()
	k.cmd = nil
	if err != nil {
		return fmt.Errorf("the keeper: %w", err)
	}
	return nil
}

// retries is how often an act that fails is tried again, a pause apart.
const (
	retries = 20
	between = 100 * time.Millisecond
)

// Run is the keeper's process: it takes promises from in, answers each on out, and
// when in ends does those that were not released, the last one first.
func Run(acts map[string]Act, in io.Reader, out io.Writer) error {
	escaped := escape()
	var kept []line
	r := bufio.NewReader(in)
	for {
		text, err := r.ReadBytes('\n')
		if err != nil {
			break
		}
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			continue // the agent wrote half a line when it died
		}
		kept = slices.DeleteFunc(kept, func(o line) bool { return o.ID == l.ID })
		if !l.Forget {
			kept = append(kept, l)
		}
		_, _ = fmt.Fprintln(out, l.ID)
	}
	errs := []error{escaped}
	for _, l := range slices.Backward(kept) {
		errs = append(errs, do(acts[l.Act], l))
	}
	return errors.Join(errs...)
}

func do(act Act, l line) error {
	if act == nil {
		return fmt.Errorf("no act %q", l.Act)
	}
	var err error
	for try := range retries {
		if try > 0 {
			time.Sleep(between)
		}
		if err = act(l.Args); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", l.Act, err)
}
