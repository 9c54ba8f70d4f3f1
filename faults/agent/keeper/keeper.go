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
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
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
	kept []line // what was promised, for a process that takes the place of one that died
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said bytes.Buffer // on its stderr
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
	l := line{ID: id, Act: act, Args: b}
	if err := k.tell(l); err != nil {
		return nil, fmt.Errorf("keep %s: %w", act, err)
	}
	k.kept = append(k.kept, l)
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		if !slices.ContainsFunc(k.kept, func(o line) bool { return o.ID == id }) {
			return
		}
		k.kept = slices.DeleteFunc(k.kept, func(o line) bool { return o.ID == id })
		_ = k.tell(line{ID: id, Forget: true}) // a new process is not told of it at all
	}, nil
}

// tell sends a line and waits until it was taken, by a new process if the one there
// was has died; k is locked.
func (k *Keeper) tell(l line) error {
	if k.cmd != nil {
		err := k.say(l)
		if err == nil {
			return nil
		}
		_ = k.in.Close()
		_ = k.cmd.Wait() // it was killed, by somebody who did not mean us
		k.cmd = nil
	}
	if l.Forget && len(k.kept) == 0 {
		return nil
	}
	if err := k.launch(); err != nil {
		return err
	}
	for _, o := range k.kept {
		if err := k.say(o); err != nil {
			return err
		}
	}
	if l.Forget {
		return nil
	}
	return k.say(l)
}

func (k *Keeper) say(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err = k.in.Write(append(b, '\n')); err == nil {
		_, err = k.out.ReadString('\n')
	}
	return err
}

// ready is a keeper's first line when it is out of reach of what kills the agent.
const ready = "ready\n"

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
	// Not the agent's own stderr: the engine waits for everybody who has it.
	k.said.Reset()
	cmd.Stderr = &k.said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the keeper: %w", err)
	}
	r := bufio.NewReader(out)
	if hello, _ := r.ReadString('\n'); hello != ready {
		_ = in.Close()
		_ = cmd.Wait()
		return &carrier.Error{Code: carrier.NotSupported,
			Message: "not supported: nothing could put this back if the agent were killed: " + strings.TrimSpace(hello+k.said.String()),
			Remedy:  "use an engine that allows privileged containers"}
	}
	k.cmd, k.in, k.out = cmd, in, r
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
		return fmt.Errorf("the keeper: %w: %s", err, strings.TrimSpace(k.said.String()))
	}
	return nil
}

// retries is how often acts that fail are tried again, a pause apart.
const (
	retries = 20
	between = 100 * time.Millisecond
)

// Run is the keeper's process: it takes promises from in, answers each on out, and
// when in ends does those that were not released, the last one first.
func Run(acts map[string]Act, in io.Reader, out io.Writer) error {
	if err := escape(); err != nil {
		return err
	}
	_, _ = io.WriteString(out, ready)
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
	return undo(acts, kept)
}

// undo does the acts, the last one first. One that fails keeps none of the others waiting.
func undo(acts map[string]Act, kept []line) error {
	slices.Reverse(kept)
	var errs []error
	for try := range retries {
		if try > 0 {
			time.Sleep(between)
		}
		errs = nil
		kept = slices.DeleteFunc(kept, func(l line) bool {
			act, err := acts[l.Act], fmt.Errorf("no act %q", l.Act)
			if act != nil {
				err = act(l.Args)
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", l.Act, err))
			}
			return err == nil
		})
		if len(kept) == 0 {
			return nil
		}
	}
	return errors.Join(errs...)
}
