package agent

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"faultlab/faults"
	"faultlab/faults/engine"
)

// Agent is a privileged container that carries faults into others. It ends,
// and every fault with it, when it is closed or when this process dies.
type Agent struct {
	opts   Options
	own    bool // the engine was opened by Start
	client *Client
	id     string // of its container
	stop   context.CancelFunc
	wg     sync.WaitGroup
	ended  chan Entry

	mu     sync.Mutex
	list   []*Injection
	closed bool
}

// Start runs the agent's container and waits until it answers. Containers of agents
// that never ran, or are over and still there, are removed first, whoever made them.
func Start(ctx context.Context, o Options) (a *Agent, err error) {
	own := o.Engine == nil
	if err := o.complete(ctx); err != nil {
		return nil, fmt.Errorf("start agent: %w", err)
	}
	defer func() {
		if err != nil && own {
			err = errors.Join(err, o.Engine.Close())
		}
	}()
	if err := sweepOrphans(ctx, o.Engine); err != nil {
		return nil, fmt.Errorf("start agent: %w", err)
	}
	id, client, err := run(ctx, o, o.Name)
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	a = &Agent{opts: o, own: own, client: client, id: id, stop: stop, ended: make(chan Entry, 1024)}
	events := o.Engine.Events(life)
	a.wg.Go(func() { a.follow(life, events) })
	return a, nil
}

// needed are the capabilities of the agent: to enter namespaces (two of them), to look into other
// containers' processes and to end them, to program the network and to send probes, to
// be a database's owner; the last, to set limits of processes of other users, an engine
// may lack.
var needed = []string{"SYS_ADMIN", "SYS_PTRACE", "KILL", "NET_ADMIN", "NET_RAW", "SETUID", "SYS_CHROOT", "SYS_RESOURCE"}

// run starts a container and speaks with the agent in it. An engine that may
// not give a container everything is asked for the capabilities needed.
func run(ctx context.Context, o Options, name string) (string, *Client, error) {
	if name == "" {
		name = "faultlab-agent-" + strings.ToLower(rand.Text()[:12])
	}
	labels := map[string]string{labelPart: "agent"}
	maps.Copy(labels, o.Labels)
	s := engine.Spec{
		Name: name, Image: o.Image, Labels: labels, Cmd: []string{"agent"}, StdinOnce: true,
		Privileged: true, HostPid: true, HostCgroups: true, NoNetwork: true, ReadOnlyRoot: true, AutoRemove: true,
		LogMaxSize: "1m", LogMaxFiles: 1,
	}
	id, client, err := runAs(ctx, o, s)
	for n := len(needed); n >= len(needed)-1 && err != nil && strings.Contains(err.Error(), "operation not permitted"); n-- {
		s.Privileged, s.CapDrop, s.CapAdd = false, []string{"ALL"}, needed[:n]
		id, client, err = runAs(ctx, o, s)
	}
	if err != nil {
		return "", nil, explain(fmt.Errorf("start agent: %w", err))
	}
	return id, client, nil
}

func runAs(ctx context.Context, o Options, s engine.Spec) (string, *Client, error) {
	release := o.Engine.Guard(s.Name) // until it runs, and ends with us
	defer release()
	id, err := o.Engine.Create(ctx, s)
	if err != nil {
		return "", nil, err
	}
	remove := func(err error) (string, *Client, error) {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return "", nil, errors.Join(err, o.Engine.Remove(clean, id))
	}
	// Attached before it starts, so that it never runs without us.
	conn, err := o.Engine.Attach(ctx, id)
	if err != nil {
		return remove(err)
	}
	client := NewClient(conn)
	if err := o.Engine.Start(ctx, id); err != nil {
		client.Close()
		return remove(err)
	}
	release()
	hello, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := client.Hello(hello); err != nil {
		client.Close()
		return remove(err)
	}
	return id, client, nil
}

// ContainerID is the agent's own container.
func (a *Agent) ContainerID() string { return a.id }

// Capabilities says what the engine's kernel can do.
func (a *Agent) Capabilities(ctx context.Context) (Capabilities, error) {
	h, err := a.client.Hello(ctx)
	if err != nil {
		return Capabilities{}, err
	}
	return h.Capabilities, nil
}

// Sweep removes what dead agents left in containers' network namespaces and says
// what it was. What a living agent holds is refused, and this one's own left alone.
func (a *Agent) Sweep(ctx context.Context, containers ...string) ([]string, error) {
	var pids []int
	for _, id := range containers {
		c, err := a.admit(ctx, id, true)
		if err != nil {
			return nil, fmt.Errorf("sweep: %w", err)
		}
		pids = append(pids, c.Pid)
	}
	return a.client.Sweep(ctx, pids...)
}

// Done is closed when the agent is gone, by Close or by its death.
func (a *Agent) Done() <-chan struct{} { return a.client.Done() }

// Ping asks for a sign of life.
func (a *Agent) Ping(ctx context.Context) error { return a.client.Ping(ctx) }

// Ended gives each injection that ended without being asked to: expired, or
// lost with its target or the agent. It is closed by Close. What nobody takes
// is dropped after 1024; Journal has it all.
func (a *Agent) Ended() <-chan Entry { return a.ended }

// Journal gives every injection, oldest first, and for one that followed its
// target through restarts each time it was put in place again.
func (a *Agent) Journal() []Entry {
	a.mu.Lock()
	list := slices.Clone(a.list)
	a.mu.Unlock()
	var out []Entry
	for _, in := range list {
		in.mu.Lock()
		out = append(out, in.past...)
		out = append(out, in.entry)
		in.mu.Unlock()
	}
	return out
}

// Inject puts a fault into a container and answers when a probe has seen it
// there. The injection follows the container through restarts, and with Recreated
// its name.
func (a *Agent) Inject(ctx context.Context, containerID string, f faults.Fault, o InjectOptions) (*Injection, error) {
	if err := f.Validate(); err != nil {
		return nil, errorf(BadRequest, "%s: %v", f.Kind(), err)
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if err := CheckTTL(o.TTL); err != nil {
		return nil, err
	}
	params, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("inject %s: %w", f.Kind(), err)
	}
	c, err := a.admit(ctx, containerID, o.AnyTarget)
	if err != nil {
		return nil, fmt.Errorf("inject %s: %w", f.Kind(), err)
	}
	if f.Kind() == (faults.CrashLoop{}).Kind() && (c.RestartPoly == "" || c.RestartPoly == "no") {
		return nil, &Error{Code: Refused, Message: fmt.Sprintf("inject %s: %s has no restart policy and would stay down", f.Kind(), c.Name),
			Remedy: "give it one: docker update --restart always " + c.Name + "; or use the fault kill"}
	}
	if o.ID == "" {
		o.ID = strings.ToLower(rand.Text()[:8])
	}
	follows := ""
	if o.Recreated {
		follows = c.Name
	}
	now := time.Now().UTC()
	in := &Injection{
		agent: a, id: o.ID, target: c.ID, follows: follows, opts: o, params: params, kick: make(chan struct{}, 1), quit: make(chan struct{}),
		entry: Entry{ID: o.ID, Kind: f.Kind(), Target: c.ID, Set: faults.Redact(f.Kind(), params), Seed: o.Seed, RequestedAt: now},
	}
	a.mu.Lock()
	defer func() { a.mu.Unlock() }()
	if a.closed {
		return nil, errorf(Dead, "the agent was closed")
	}
	if slices.ContainsFunc(a.list, func(i *Injection) bool { return i.id == o.ID }) {
		return nil, errorf(BadRequest, "injection id %q is taken", o.ID)
	}
	a.list = append(a.list, in) // before it is in place, so that Close knows of it
	a.mu.Unlock()
	err = in.place(ctx, c, o.TTL)
	a.mu.Lock()
	if err != nil {
		a.list = slices.DeleteFunc(a.list, func(i *Injection) bool { return i == in })
		return nil, fmt.Errorf("inject %s into %s: %w", f.Kind(), c.Name, err)
	}
	if a.closed {
		return nil, errorf(Dead, "the agent was closed")
	}
	if e := in.entry; e.State != Active { // over already, like a process that was killed
		in.once.Do(func() { close(in.quit) })
		go a.tell(e) // takes the lock that is held here
		return in, nil
	}
	a.wg.Go(in.follow)
	return in, nil
}

// Close reverts everything, ends the agent and waits until its container is gone.
func (a *Agent) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	list := slices.Clone(a.list)
	a.mu.Unlock()
	// Goes on when ctx has ended: what is left to do is to clean up.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	for i, in := range list {
		wg.Go(func() {
			if err := in.Revert(clean); err != nil {
				errs[i] = fmt.Errorf("revert %s: %w", in.id, err)
			}
		})
	}
	wg.Wait()
	a.stop()
	errs = append(errs, end(clean, a.opts.Engine, a.client, a.id))
	a.wg.Wait()
	close(a.ended)
	if a.own {
		errs = append(errs, a.opts.Engine.Close())
	}
	return errors.Join(errs...)
}

// tell passes on an injection that ended by itself.
func (a *Agent) tell(e Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	select {
	case a.ended <- e:
	default:
	}
}
