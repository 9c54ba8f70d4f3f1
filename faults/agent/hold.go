package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"
)

// The labels of the containers that carry an injection outside any lab.
const (
	LabelInjection = "faultlab.injection" // its id
	LabelKind      = "faultlab.kind"      // of the fault
	LabelTarget    = "faultlab.target"    // name of the container it sits on
	labelPart      = "faultlab.part"      // agent, also of others than these, or the helper that holds a detached one
)

// Holding is one injection by itself, with an agent of its own.
type Holding struct {
	Engine    *engine.Engine
	Image     string // of the agent; see BuildImage
	Container string // id or name of the target; being named is its consent
	Fault     faults.Fault
	Options   InjectOptions // its ID is needed
}

func (h Holding) labels(part, target string) map[string]string {
	return map[string]string{LabelInjection: h.Options.ID, LabelKind: h.Fault.Kind(), LabelTarget: target, labelPart: part}
}

// name is how the container of a part is called.
func (h Holding) name(part string) string { return "faultlab-" + part + "-" + h.Options.ID }

// taken explains an error about a container's name: names are made of ids.
func (h Holding) taken(err error) error {
	if !strings.Contains(err.Error(), "is already in use") {
		return explain(err)
	}
	return &Error{Code: Refused, Message: fmt.Sprintf("the id %q is taken", h.Options.ID),
		Remedy: "choose another, or end that injection: faultlab revert " + h.Options.ID}
}

// Hold injects one fault and holds it until ctx or its time to live ends; then it
// is reverted. What dead agents and their starters left is removed first. show gets the
// entry as soon as the fault is active, and again every second. The entry given is
// the last, with the state Reverted or Expired; a fault that was lost is an error, and so
// is one that is not proved gone two minutes after its time.
func Hold(ctx context.Context, h Holding, show func(Entry)) (Entry, error) {
	c, err := h.Engine.Inspect(ctx, h.Container)
	if err != nil {
		return Entry{}, err
	}
	if err := admissible(c, "", true); err != nil {
		return Entry{}, err // before anything is made
	}
	a, err := Start(ctx, Options{Engine: h.Engine, Image: h.Image, Name: h.name("agent"), Labels: h.labels("agent", c.Name)})
	if err != nil {
		return Entry{}, h.taken(err)
	}
	e, err := a.hold(ctx, c.ID, c.Name, h, show)
	return e, errors.Join(err, a.Close(ctx))
}

func (a *Agent) hold(ctx context.Context, id, name string, h Holding, show func(Entry)) (Entry, error) {
	if _, err := a.Sweep(ctx, id); err != nil {
		return Entry{}, err
	}
	h.Options.AnyTarget = true
	h.Options.Recreated = h.Container == name // who gave an id means that container
	in, err := a.Inject(ctx, id, h.Fault, h.Options)
	if err != nil {
		return Entry{}, err
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		show(in.Status())
		select {
		case <-ctx.Done():
			clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			defer cancel()
			err := in.Revert(clean)
			return in.Status(), err
		case e := <-a.Ended():
			if e.State == Lost {
				return e, &Error{Code: Dead, Message: "the fault is gone: " + e.Reason, Remedy: "inject it again if it is still wanted"}
			}
			return e, nil
		case <-tick.C:
			if e := in.Status(); e.State == Active && time.Since(e.EndsAt) > overtime {
				return e, &Error{Code: Unproved, Message: "the fault's time is over, and it is not proved gone: " + e.Reason,
					Remedy: "its agent is ended by force, and what it held with it"}
			}
		}
	}
}

// overtime is how long after its time the end of a fault may be waited for.
const overtime = 2 * time.Minute

// Detach has a helper container hold an injection, so that it goes on when this
// process has ended, and answers when the fault is active. The helper runs the
// faultlab command, whose arguments must lead to Hold and print entries as JSON
// lines: the first when active, the last at the end. What input holds is the helper's
// stdin: a secret passes there and stands nowhere.
func Detach(ctx context.Context, h Holding, command []string, input string) (Entry, error) {
	socket := h.Engine.SocketPath()
	if socket == "" {
		return Entry{}, &Error{Code: NotSupported, Message: "the engine is reached over the network; a helper needs its unix socket",
			Remedy: "run faultlab on the engine's own machine, or do without --detach"}
	}
	c, err := h.Engine.Inspect(ctx, h.Container)
	if err != nil {
		return Entry{}, err
	}
	if err := admissible(c, "", true); err != nil {
		return Entry{}, err
	}
	release := h.Engine.Guard(h.name("hold")) // until it runs
	defer release()
	id, err := h.Engine.Create(ctx, engine.Spec{
		Name: h.name("hold"), Image: h.Image, Cmd: command, Labels: h.labels("helper", c.Name),
		Binds: []string{socket + ":/var/run/docker.sock"}, NoNetwork: true, ReadOnlyRoot: true, AutoRemove: true,
		StdinOnce: input != "", MemoryBytes: 128 << 20, LogMaxSize: "1m", LogMaxFiles: 1,
	})
	if err != nil {
		return Entry{}, h.taken(err)
	}
	e, err := first(ctx, h.Engine, id, input, release)
	if err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		// Asked first, so that it undoes what it has begun.
		if serr := h.Engine.Stop(clean, id, 30*time.Second); serr != nil && !engine.IsNotFound(serr) {
			err = errors.Join(err, serr)
		}
		err = errors.Join(err, h.Engine.Remove(clean, id), h.unborn(clean))
	}
	return e, err
}

// unborn removes what a helper that was killed has created and not started: its guard
// was killed with it.
func (h Holding) unborn(ctx context.Context) error {
	cs, err := h.Engine.List(ctx, LabelInjection+"="+h.Options.ID)
	for _, c := range cs {
		if c.State == "created" {
			err = errors.Join(err, h.Engine.Remove(ctx, c.ID))
		}
	}
	return err
}

// first starts a helper, tells that it runs, hands it its input and waits for its first entry.
func first(ctx context.Context, e *engine.Engine, id, input string, runs func()) (Entry, error) {
	hand, err := handOver(ctx, e, id, input)
	if err != nil {
		return Entry{}, err
	}
	var stderr bytes.Buffer
	out, err := e.Output(ctx, id, &stderr)
	if err != nil {
		return Entry{}, err
	}
	stop := context.AfterFunc(ctx, func() { out.Close() })
	defer stop()
	defer out.Close()
	if err := e.Start(ctx, id); err != nil {
		return Entry{}, err
	}
	runs()
	if err := hand(); err != nil {
		return Entry{}, err
	}
	var entry Entry
	if err := json.NewDecoder(out).Decode(&entry); err != nil {
		return entry, told(stderr.String())
	}
	return entry, nil
}

// told is the error that a command wrote to its stderr.
func told(stderr string) error {
	e := &Error{Code: Failed, Message: "the helper ended at once"}
	for line := range strings.Lines(stderr) {
		line = strings.TrimSpace(line)
		if m, ok := strings.CutPrefix(line, "faultlab: error: "); ok {
			e.Message = m
		}
		if r, ok := strings.CutPrefix(line, "faultlab: hint: "); ok {
			e.Remedy = r
		}
	}
	return e
}
